import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import type { DataplaneEvent } from '../../../src/dataplane/events.ts';
import { openDataplane } from '../../../src/dataplane/open.ts';
import { needs } from '../../support/capabilities.ts';
import { IPS, IPV6, PORTS, Sandbox } from '../dataplane/sandbox.ts';

const OPEN_PORT = 9000;

describe('guard', needs('capture'), () => {
  let sandbox: Sandbox;
  let dataplane: Dataplane;

  /** From the other namespace, by a process that nobody captures. */
  const dial = (...args: string[]): unknown => sandbox.run('a', sandbox.instance.envoyCgroup, 'connect.py', ...args);
  const inside = (...args: string[]): unknown => sandbox.run('b', sandbox.instance.envoyCgroup, 'connect.py', ...args);
  const drops = (act: () => unknown): { by: bigint; result: unknown } => {
    const before = dataplane.readCounters()['guard-dropped'] ?? 0n;
    const result = act();
    return { by: (dataplane.readCounters()['guard-dropped'] ?? 0n) - before, result };
  };

  beforeAll(async () => {
    sandbox = new Sandbox();
    dataplane = openDataplane(sandbox.instance, { fastPath: false });
    dataplane.applyDestinations(sandbox.topology);
    await sandbox.start('b', sandbox.cgroup('b'), 'listen.py', '0.0.0.0', `${PORTS.webTarget}`);
    await sandbox.start('b', sandbox.cgroup('b'), 'listen.py', '::', `${OPEN_PORT}`);
    await sandbox.start('a', sandbox.cgroup('a'), 'listen.py', '0.0.0.0', `${OPEN_PORT}`);
    // Without the guard it can be reached: what follows is the guard's doing.
    expect(dial(`${IPS.b}/${PORTS.webTarget}`)).toMatchObject([{ got: `${PORTS.webTarget}` }]);
    // The first neighbour solicitation on a new device is lost; the next comes after a second.
    await vi.waitFor(() => expect(dial(`${IPV6.b}/${OPEN_PORT}`)).toMatchObject([{ got: `${OPEN_PORT}` }]), 10_000);
    dataplane.attachNamespace(sandbox.netnsPath('b'));
  });

  afterAll(async () => {
    dataplane[Symbol.dispose]();
    await sandbox[Symbol.asyncDispose]();
  });

  it('drops a direct connection to a guarded port, counts it and tells who tried', async () => {
    const { promise, resolve } = Promise.withResolvers<DataplaneEvent>();
    using _events = dataplane.onEvent(resolve);
    const { by, result } = drops(() => dial(`${IPS.b}/${PORTS.webTarget}`));
    expect(result).toEqual([{ error: 'timeout' }]);
    expect(by).toBeGreaterThanOrEqual(1n);
    const destination = `${IPS.b}:${PORTS.webTarget}`;
    expect(await promise).toMatchObject({ kind: 'guard-dropped', sourceIp: IPS.a, destination });
  });

  it('lets the same port be reached over lo', () => {
    const { by, result } = drops(() => inside(`127.0.0.1/${PORTS.webTarget}`));
    expect(result).toMatchObject([{ got: `${PORTS.webTarget}` }]);
    expect(by).toBe(0n);
  });

  it("lets answers to the workload's own connections in, and ports that are not guarded", () => {
    const { by, result } = drops(() => [inside(`${IPS.a}/${OPEN_PORT}`), dial(`${IPS.b}/${OPEN_PORT}`)]);
    expect(result).toMatchObject([[{ got: `${OPEN_PORT}` }], [{ got: `${OPEN_PORT}` }]]);
    expect(by).toBe(0n);
  });

  it('drops packets that hide the port: fragments, a cut header, a bad header length', () => {
    for (const kind of ['first-fragment', 'later-fragment', 'short', 'bad-ihl']) {
      const { by } = drops(() => sandbox.run('a', sandbox.cgroup('a'), 'send-raw.py', kind, IPS.b, `${OPEN_PORT}`));
      expect(by, kind).toBe(1n);
    }
  });

  it('finds the port behind IP options', () => {
    const send = (port: number): bigint =>
      drops(() => sandbox.run('a', sandbox.cgroup('a'), 'send-raw.py', 'options', IPS.b, `${port}`)).by;
    expect(send(PORTS.webTarget)).toBe(1n);
    expect(send(OPEN_PORT)).toBe(0n);
  });

  it('passes UDP to the same port, also fragmented', () => {
    for (const kind of ['udp', 'udp-fragment']) {
      const { by } = drops(() =>
        sandbox.run('a', sandbox.cgroup('a'), 'send-raw.py', kind, IPS.b, `${PORTS.webTarget}`),
      );
      expect(by, kind).toBe(0n);
    }
  });

  it('drops IPv6, which has no addresses in the mesh', () => {
    const { by, result } = drops(() => dial(`${IPV6.b}/${OPEN_PORT}`));
    expect(result).toEqual([{ error: 'timeout' }]);
    expect(by).toBeGreaterThanOrEqual(1n);
  });

  it('stays when its program is attached a second time', () => {
    expect(dataplane.attachNamespace(sandbox.netnsPath('b'))).toBe(0);
    expect(sandbox.filters('b', 'eth0').filter((line) => line.includes('guard'))).toHaveLength(1);
  });

  it('leaves no filter when the namespace is detached', () => {
    expect(dataplane.detachNamespace(sandbox.netnsPath('b'))).toBe(true);
    expect(sandbox.filters('b', 'eth0')).toEqual([]);
    expect(dataplane.detachNamespace(sandbox.netnsPath('b'))).toBe(false);
    expect(dial(`${IPS.b}/${PORTS.webTarget}`)).toMatchObject([{ got: `${PORTS.webTarget}` }]);
  });
});

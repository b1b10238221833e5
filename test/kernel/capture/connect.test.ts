import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cgroupId } from '../../../src/bpf/cgroup.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import type { DataplaneEvent } from '../../../src/dataplane/events.ts';
import { openDataplane } from '../../../src/dataplane/open.ts';
import { needs } from '../../support/capabilities.ts';
import { IPS, type JsonLines, PORTS, Sandbox } from '../dataplane/sandbox.ts';

interface Connected {
  peer: [string, number];
  local: number;
  got: string;
}
interface Failed {
  error: number | 'timeout';
}
interface Accepted {
  client: number;
  original: [string, number, number] | number;
  again: [string, number, number] | number;
}

const EPERM = 1;
/** What the kernel itself answers for a connection that nobody captured: ENOENT, or ENOPROTOOPT without connection tracking. */
const UNKNOWN = existsSync('/proc/sys/net/netfilter/nf_conntrack_max') ? 2 : 92;
const ECONNREFUSED = 111;
const ENETUNREACH = 101;
const WEB = `${IPS.web}/${PORTS.web}`;
const DB = `${IPS.db}/${PORTS.db}`;
const SETTINGS = { outboundPort: PORTS.proxy, promoteAfterSegments: 0, maxQueuedBytes: 0 };

describe('capture', needs('capture'), () => {
  let sandbox: Sandbox;
  let dataplane: Dataplane;
  let proxy: JsonLines;

  const connect = (...args: string[]): (Connected | Failed)[] =>
    sandbox.run('a', sandbox.cgroup('a'), 'connect.py', ...args);
  const counted = <T>(name: string, act: () => T): { by: bigint; result: T } => {
    const before = dataplane.readCounters()[name] ?? 0n;
    const result = act();
    return { by: (dataplane.readCounters()[name] ?? 0n) - before, result };
  };

  beforeAll(async () => {
    sandbox = new Sandbox();
    dataplane = openDataplane(sandbox.instance, { fastPath: false });
    proxy = await sandbox.start('a', sandbox.instance.envoyCgroup, 'listen.py', '127.0.0.1', `${PORTS.proxy}`);
  });

  beforeEach(() => {
    dataplane.applySettings(SETTINGS);
    dataplane.applyVerdicts([]);
    dataplane.applyDestinations(sandbox.topology);
  });

  afterAll(async () => {
    dataplane[Symbol.dispose]();
    await sandbox[Symbol.asyncDispose]();
  });

  it('brings a connection to a Service to the proxy while the client sees the Service', async () => {
    const { by, result } = counted('connect-captured', () => connect(WEB));
    const [client] = result as [Connected];
    expect(client).toMatchObject({ peer: [IPS.web, PORTS.web], got: `${PORTS.proxy}` });
    expect(by).toBe(1n);
    const accepted = await proxy.next<Accepted>();
    expect(accepted).toEqual({ client: client.local, original: [IPS.web, PORTS.web, 16], again: UNKNOWN });
  });

  it('does the same for an IPv6 socket that dials the v4-mapped address', async () => {
    const [client] = connect(`::ffff:${WEB}`) as [Connected];
    expect(client).toMatchObject({ peer: [`::ffff:${IPS.web}`, PORTS.web], got: `${PORTS.proxy}` });
    expect((await proxy.next<Accepted>()).original).toEqual([IPS.web, PORTS.web, 16]);
  });

  it("captures a workload's own port like a Service", async () => {
    const [client] = connect(`${IPS.b}/${PORTS.webTarget}`) as [Connected];
    expect(client).toMatchObject({ peer: [IPS.b, PORTS.webTarget], got: `${PORTS.proxy}` });
    expect((await proxy.next<Accepted>()).original).toEqual([IPS.b, PORTS.webTarget, 16]);
  });

  it('answers a proxy that listens on an IPv6 socket with a v4-mapped address', async () => {
    const port = PORTS.proxy + 1;
    dataplane.applySettings({ ...SETTINGS, outboundPort: port });
    const dual = await sandbox.start('a', sandbox.instance.envoyCgroup, 'listen.py', '::', `${port}`);
    connect(WEB);
    expect((await dual.next<Accepted>()).original).toEqual([`::ffff:${IPS.web}`, PORTS.web, 28]);
  });

  it('passes every other address and port untouched', () => {
    const others = [`${IPS.web}/${PORTS.web + 1}`, `${IPS.a}/9`, '10.97.0.1/80'];
    const { by, result } = counted('connect-passed', () => connect(...others));
    expect(result).toEqual([{ error: ENETUNREACH }, { error: ECONNREFUSED }, { error: ENETUNREACH }]);
    expect(by).toBe(3n);
  });

  it('does not show an old original after the same socket connects elsewhere', async () => {
    // 127.0.0.1:1 refuses; a socket may connect again after that. The first connect fails because no proxy listens there.
    dataplane.applySettings({ ...SETTINGS, outboundPort: 1 });
    const [failed, connected] = connect('reuse', WEB, `127.0.0.1/${PORTS.proxy}`) as [Failed, Connected];
    expect(failed).toEqual({ error: ECONNREFUSED });
    expect(connected.peer).toEqual(['127.0.0.1', PORTS.proxy]);
    expect((await proxy.next<Accepted>()).original).toBe(UNKNOWN);
  });

  it('leaves the error of the kernel to a proxy that was dialled directly, and counts it', async () => {
    const before = dataplane.readCounters()['original-unknown'] ?? 0n;
    connect(`127.0.0.1/${PORTS.proxy}`);
    expect(await proxy.next<Accepted>()).toMatchObject({ original: UNKNOWN, again: UNKNOWN });
    expect(dataplane.readCounters()['original-unknown']).toBe(before + 2n);
  });

  it('does not answer for a connection that dialled the proxy itself with what an older one left', async () => {
    const port = PORTS.proxy + 3;
    dataplane.applySettings({ ...SETTINGS, outboundPort: port });
    const careless = await sandbox.start('a', sandbox.instance.envoyCgroup, 'listen.py', '127.0.0.1', `${port}`, '1');
    expect(connect('from=41000', WEB, `127.0.0.1/${port}`)).toMatchObject([{ got: `${port}` }, { got: `${port}` }]);
    expect(await careless.next<Accepted>()).toEqual({ client: 41000, original: UNKNOWN, again: UNKNOWN });
  });

  it('does not answer a process outside the cgroup of the proxies', async () => {
    const port = PORTS.proxy + 2;
    dataplane.applySettings({ ...SETTINGS, outboundPort: port });
    const stranger = await sandbox.start('a', sandbox.cgroup('b'), 'listen.py', '127.0.0.1', `${port}`);
    connect(WEB);
    expect((await stranger.next<Accepted>()).original).toBe(UNKNOWN);
  });

  it('captures nothing of a process outside the cgroup of the workloads', () => {
    const result = sandbox.run('a', sandbox.instance.envoyCgroup, 'connect.py', WEB);
    expect(result).toEqual([{ error: ENETUNREACH }]);
  });

  it('refuses a TCP destination without a verdict, counts it and tells who tried', async () => {
    const { promise, resolve } = Promise.withResolvers<DataplaneEvent>();
    using _events = dataplane.onEvent(resolve);
    const { by, result } = counted('connect-denied', () => connect(DB));
    expect(result).toEqual([{ error: EPERM }]);
    expect(by).toBe(1n);
    expect(await promise).toMatchObject({
      kind: 'connect-denied',
      cgroupId: cgroupId(sandbox.cgroup('a')),
      command: 'python3',
      destination: `${IPS.db}:${PORTS.db}`,
    });
  });

  it('lets only the workload connect that the verdict names, and only where it says', async () => {
    dataplane.applyVerdicts([{ source: 't/a', destination: { ip: IPS.db, port: PORTS.db } }]);
    expect(connect(DB, `${IPS.b}/${PORTS.dbTarget}`)).toMatchObject([
      { peer: [IPS.db, PORTS.db], got: `${PORTS.proxy}` },
      { error: EPERM },
    ]);
    expect((await proxy.next<Accepted>()).original).toEqual([IPS.db, PORTS.db, 16]);
    expect(sandbox.run('a', sandbox.cgroup('b'), 'connect.py', DB)).toEqual([{ error: EPERM }]);
  });

  it('refuses captured destinations while no port of a proxy is set', () => {
    dataplane.applySettings({ ...SETTINGS, outboundPort: 0 });
    const { by, result } = counted('connect-no-proxy', () => connect(WEB, `::ffff:${WEB}`));
    expect(result).toEqual([{ error: EPERM }, { error: EPERM }]);
    expect(by).toBe(2n);
  });

  it('passes what is no destination any more', () => {
    const services = sandbox.topology.model.services.filter(({ name }) => name !== 'web');
    dataplane.applyDestinations({ ...sandbox.topology, model: { ...sandbox.topology.model, services } });
    expect(connect(WEB)).toEqual([{ error: ENETUNREACH }]);
  });
});

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataplane } from '../../../src/dataplane/open.ts';
import { removeDataplane } from '../../../src/dataplane/remove.ts';
import { needs } from '../../support/capabilities.ts';
import { PORTS, Sandbox } from './sandbox.ts';

const ROUNDS = 100;
const MESSAGE_BYTES = 64;

describe('removing a data plane', needs('capture', 'fast path'), () => {
  let sandbox: Sandbox;
  beforeEach(() => {
    sandbox = new Sandbox();
  });
  afterEach(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  it('leaves no pin, link, filter or directory, from the names alone, and may be repeated', () => {
    {
      using dataplane = openDataplane(sandbox.instance);
      for (const side of ['a', 'b'] as const) dataplane.attachNamespace(sandbox.netnsPath(side));
    }
    expect(sandbox.filters('a', 'lo')).not.toEqual([]);
    expect(removeDataplane(sandbox.instance)).toEqual({ removed: true, openSockets: 0, problems: [] });
    expect(sandbox.attached()).toEqual([]);
    for (const side of ['a', 'b'] as const) {
      for (const device of ['lo', 'eth0']) expect(sandbox.filters(side, device), `${side} ${device}`).toEqual([]);
    }
    expect(existsSync(sandbox.instance.bpfRoot)).toBe(false);
    expect(existsSync(sandbox.instance.runDir)).toBe(false);
    expect(removeDataplane(sandbox.instance)).toEqual({ removed: false, openSockets: 0, problems: [] });
    expect(existsSync(sandbox.instance.bpfRoot)).toBe(false);
  });

  it('puts promoted connections back on TCP and says that they hold its programs', async () => {
    const cgroup = sandbox.cgroup('a');
    {
      using dataplane = openDataplane(sandbox.instance);
      dataplane.applySettings({ outboundPort: PORTS.proxy, promoteAfterSegments: 4, maxQueuedBytes: 1 << 20 });
      dataplane.applyMembers(new Map([[cgroup, 'AUTO']]));
      dataplane.attachNamespace(sandbox.netnsPath('a'));
      using _promoting = dataplane.promoteNominees();
      await sandbox.start('a', cgroup, 'echo.ts', 'listen', '7000');
      const client = sandbox.spawn('a', cgroup, 'echo.ts', 'connect', '7000', `${ROUNDS}`);
      expect(await client.next()).toBe(ROUNDS * MESSAGE_BYTES);
      const flows = dataplane.readFlows();
      expect(flows).toHaveLength(2);
      const [one, other] = flows;
      expect(one).toMatchObject({ local: other?.remote, remote: other?.local, peer: { cookie: other?.cookie } });
      expect(dataplane.readCounters()['messages-redirected']).toBeGreaterThan(ROUNDS);

      expect(removeDataplane(sandbox.instance)).toEqual({ removed: true, openSockets: 2, problems: [] });
      const redirected = dataplane.readCounters()['messages-redirected'];
      client.kill('SIGUSR1');
      expect(await client.next()).toBe(ROUNDS * MESSAGE_BYTES);
      expect(dataplane.readCounters()['messages-redirected']).toBe(redirected);
      expect(dataplane.readCounters()['messages-paused']).toBe(BigInt(2 * ROUNDS));
    }
    expect(existsSync(sandbox.instance.bpfRoot)).toBe(false);
  });

  it('pauses and removes what another ABI version pinned, whatever the layout of its maps', () => {
    const elsewhere = `/sys/fs/bpf/shunt-settings-${process.pid}`;
    const maps = join(sandbox.instance.bpfRoot, 'v999', 'maps');
    mkdirSync(maps, { recursive: true });
    const layout = ['type', 'array', 'key', '4', 'value', '40', 'entries', '1', 'name', 'settings'];
    execFileSync('bpftool', ['map', 'create', join(maps, 'settings'), ...layout]);
    execFileSync('bpftool', ['map', 'pin', 'pinned', join(maps, 'settings'), elsewhere]);
    try {
      expect(removeDataplane(sandbox.instance)).toEqual({ removed: true, openSockets: 0, problems: [] });
      expect(existsSync(sandbox.instance.bpfRoot)).toBe(false);
      const dump = execFileSync('bpftool', ['-j', 'map', 'dump', 'pinned', elsewhere], { encoding: 'utf8' });
      const [{ value }] = JSON.parse(dump) as [{ value: string[] }];
      expect(value.map(Number)).toEqual([1, ...Array.from({ length: 39 }, () => 0)]);
    } finally {
      rmSync(elsewhere);
    }
  });

  it('goes on after a failure and names what is left', () => {
    using dataplane = openDataplane(sandbox.instance);
    dataplane.attachNamespace(sandbox.netnsPath('a'));
    const stale = `${sandbox.netnsPath('a')}x`;
    writeFileSync(stale, '');
    try {
      const removal = removeDataplane(sandbox.instance);
      expect(removal.removed).toBe(true);
      expect(removal.problems).toEqual([expect.stringContaining(stale)]);
    } finally {
      rmSync(stale);
    }
    expect(sandbox.attached()).toEqual([]);
    expect(sandbox.filters('a', 'eth0')).toEqual([]);
  });
});

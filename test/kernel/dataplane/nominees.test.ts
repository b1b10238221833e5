/** The data plane where tc may not promote: what it nominates is promoted by whoever holds the data plane. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { type OpenDataplaneOptions, openDataplane } from '../../../src/dataplane/open.ts';
import { needs } from '../../support/capabilities.ts';
import { Peer } from '../fastpath/peer.ts';
import { PORTS, Sandbox } from './sandbox.ts';

const SETTINGS = { outboundPort: PORTS.proxy, promoteAfterSegments: 4, maxQueuedBytes: 1 << 20 };
const ROUND_BYTES = 64;

const NEEDS = needs('capture', 'promotion by iterator');

const BY_ITERATOR: OpenDataplaneOptions = { promotion: 'iterator' };

/** With workload a attached to it. Dispose it. */
function openFor(sandbox: Sandbox, options: OpenDataplaneOptions) {
  const dataplane = openDataplane(sandbox.instance, options);
  dataplane.applySettings(SETTINGS);
  dataplane.applyMembers(new Map([[sandbox.cgroup('a'), 'AUTO']]));
  expect(dataplane.attachNamespace(sandbox.netnsPath('a'))).toBe(3);
  return dataplane;
}

/** Two ends in workload a, and how they talk. */
async function connection(sandbox: Sandbox) {
  const peers = new AsyncDisposableStack();
  const [client, server] = [1, 2].map(() => peers.use(new Peer(sandbox.netnsPath('a'), sandbox.cgroup('a')))) as [
    Peer,
    Peer,
  ];
  const { bytes: port } = await server.do('listen', '127.0.0.1');
  await client.do('connect', '127.0.0.1', port);
  await server.do('accept');
  for (const peer of [client, server]) await peer.do('wait', 'level');
  return {
    converse: (rounds: number) =>
      Promise.all([server.do('echo', rounds * ROUND_BYTES, 10_000), client.do('ask', rounds, ROUND_BYTES, 10_000)]),
    [Symbol.asyncDispose]: () => peers.disposeAsync(),
  };
}

/** This process can open none, until disposed: by then it cannot start a program either, so one waits that gives them back. */
async function noMoreDescriptors(): Promise<AsyncDisposable> {
  const limit = (soft: number | string) => `prlimit --pid ${process.pid} --nofile=${soft}:`;
  const before = execFileSync('prlimit', ['--pid', `${process.pid}`, '--nofile', '--output', 'SOFT', '--noheadings']);
  const script = `${limit(0)} && echo && read -r line; ${limit(`${before}`.trim())}`;
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      const exit = once(child, 'exit');
      child.stdin.end('\n');
      await exit;
    },
  };
}

it(
  'promotes connections of its workloads while it is held, and those that waited when it is held again',
  NEEDS,
  async () => {
    await using sandbox = new Sandbox();
    {
      using dataplane = openFor(sandbox, BY_ITERATOR);
      expect(dataplane.opened).not.toHaveProperty('fastPathRefusal');
      expect(sandbox.filters('a', 'lo').join('\n')).toContain('nominate');
      using _promoting = dataplane.promoteNominees();
      await using pair = await connection(sandbox);
      await vi.waitFor(
        async () => {
          await pair.converse(10);
          expect(dataplane.readCounters().linked).toBe(1n);
        },
        { timeout: 10_000 },
      );
      await pair.converse(20);
      expect(dataplane.readCounters()['messages-redirected']).toBeGreaterThan(30n);
    }
    await using pair = await connection(sandbox);
    await pair.converse(200);
    using dataplane = openDataplane(sandbox.instance, BY_ITERATOR);
    expect(dataplane.opened).toEqual({ adopted: true, changes: [] });
    expect(dataplane.readCounters().promoted).toBe(2n);
    using _promoting = dataplane.promoteNominees();
    expect(dataplane.readCounters().promoted).toBe(4n);
    await pair.converse(10);
    expect(dataplane.readCounters().linked).toBe(2n);
  },
);

it('says that it could not for want of descriptors, and promotes when it can again', NEEDS, async () => {
  await using sandbox = new Sandbox();
  using dataplane = openFor(sandbox, BY_ITERATOR);
  const failed = vi.fn();
  using _promoting = dataplane.promoteNominees(failed);
  await using pair = await connection(sandbox);
  {
    await using _none = await noMoreDescriptors();
    await vi.waitFor(
      async () => {
        await pair.converse(10);
        expect(failed).toHaveBeenCalledWith(
          expect.objectContaining({ code: 'E_SYSCALL', message: expect.stringContaining('EMFILE') }),
        );
      },
      { timeout: 10_000 },
    );
    expect(dataplane.readCounters().promoted).toBe(0n);
  }
  await using other = await connection(sandbox);
  await vi.waitFor(
    async () => {
      for (const one of [pair, other]) await one.converse(10);
      expect(dataplane.readCounters().linked).toBe(2n);
    },
    { timeout: 10_000 },
  );
});

it('does nothing about it where tc promotes', needs('capture', 'promotion by tc'), async () => {
  await using sandbox = new Sandbox();
  using dataplane = openFor(sandbox, {});
  expect(sandbox.filters('a', 'lo').join('\n')).toContain('promote');
  using _nothing = dataplane.promoteNominees();
  await using pair = await connection(sandbox);
  await pair.converse(20);
  expect(dataplane.readCounters().linked).toBe(1n);
});

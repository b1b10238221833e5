/** The data plane where tc may not promote: what it nominates is promoted by whoever holds the data plane. */
import { expect, it, vi } from 'vitest';
import { type OpenDataplaneOptions, openDataplane } from '../../../src/dataplane/open.ts';
import type { Instance } from '../../../src/instance.ts';
import { needs } from '../../support/capabilities.ts';
import { Peer } from '../fastpath/peer.ts';
import { PORTS, Sandbox } from './sandbox.ts';

const SETTINGS = { outboundPort: PORTS.proxy, promoteAfterSegments: 4, maxQueuedBytes: 1 << 20 };
const ROUND_BYTES = 64;

const NEEDS = needs('capture', 'promotion by iterator');

function open(instance: Instance, options: OpenDataplaneOptions = {}) {
  return openDataplane(instance, { promotion: 'iterator', ...options });
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

it(
  'promotes connections of its workloads while it is held, and those that waited when it is held again',
  NEEDS,
  async () => {
    await using sandbox = new Sandbox();
    {
      using dataplane = open(sandbox.instance);
      expect(dataplane.opened).not.toHaveProperty('fastPathRefusal');
      dataplane.applySettings(SETTINGS);
      dataplane.applyMembers(new Map([[sandbox.cgroup('a'), 'AUTO']]));
      expect(dataplane.attachNamespace(sandbox.netnsPath('a'))).toBe(3);
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
    using dataplane = open(sandbox.instance);
    expect(dataplane.opened).toEqual({ adopted: true, changes: [] });
    expect(dataplane.readCounters().promoted).toBe(2n);
    using _promoting = dataplane.promoteNominees();
    expect(dataplane.readCounters().promoted).toBe(4n);
    await pair.converse(10);
    expect(dataplane.readCounters().linked).toBe(2n);
  },
);

it('does nothing about it where tc promotes', needs('capture', 'promotion by tc'), async () => {
  await using sandbox = new Sandbox();
  using dataplane = openDataplane(sandbox.instance);
  dataplane.applySettings(SETTINGS);
  dataplane.applyMembers(new Map([[sandbox.cgroup('a'), 'AUTO']]));
  dataplane.attachNamespace(sandbox.netnsPath('a'));
  expect(sandbox.filters('a', 'lo').join('\n')).toContain('promote');
  using _nothing = dataplane.promoteNominees();
  await using pair = await connection(sandbox);
  await pair.converse(20);
  expect(dataplane.readCounters().linked).toBe(1n);
});

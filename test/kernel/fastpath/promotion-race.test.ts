/** Segments for one socket that are received on several processors at once, each of which sees that it may be promoted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import { waitFor } from '../../support/mesh.ts';
import { buildWith } from '../doctor/build.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

const CONNECTIONS = 8;

/** Bad segments of the connection, from each of two processors. Dispose it. */
async function flood(netns: string, ports: readonly number[]): Promise<AsyncDisposable> {
  const program = join(import.meta.dirname, 'programs/flood.py');
  const floods = [0, 1].map((cpu): ChildProcess => {
    const words = [`--net=${netns}`, 'python3', program, `${cpu}`, ...ports.map(String)];
    return spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  });
  const closed = floods.map((child) => once(child, 'close'));
  await Promise.all(floods.map((child) => once(child.stdout as NodeJS.EventEmitter, 'data')));
  return {
    async [Symbol.asyncDispose]() {
      for (const child of floods) child.kill('SIGKILL');
      await Promise.all(closed);
    },
  };
}

test('one promotes it, and the others undo nothing', { skip: availableParallelism() < 2 }, async () => {
  using build = buildWith('SHUNT_TEST_SLOW_PROMOTION=8000');
  await using sandbox = new Sandbox({ object: join(build.objects, 'fastpath.bpf.o') });
  const { fastPath } = sandbox;
  for (let connections = 1; connections <= CONNECTIONS; connections++) {
    fastPath.change({ promoteAfterSegments: 1000 });
    const { client, server } = await sandbox.pair();
    const ports = [await client.do('port-of', 'peer'), await server.do('port-of', 'peer')].map(({ bytes }) => bytes);
    {
      await using _flood = await flood(sandbox.netns('a'), ports);
      fastPath.change({ promoteAfterSegments: 4 });
      await waitFor('both ends are promoted', () => fastPath.count('PROMOTED') >= 2 * connections);
    }
    const before = fastPath.messages('REDIRECTED');
    await sandbox.rounds(client, server, 50);
    const counts = JSON.stringify({ ...fastPath.outcomes(), full: fastPath.count('REFUSED_FULL') });
    expect(fastPath.messages('REDIRECTED') - before, counts).toBeGreaterThan(90);
    expect(fastPath.count('REFUSED_FULL'), counts).toBe(0);
    expect(fastPath.count('PROMOTED'), counts).toBe(2 * connections);
  }
  // Each is known as a flow, with its peer.
  expect(fastPath.flows()).toHaveLength(2 * CONNECTIONS);
  expect(fastPath.flows().filter(({ peerCookie }) => peerCookie === 0n)).toEqual([]);
});

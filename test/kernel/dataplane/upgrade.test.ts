/** Another build takes over while connections are promoted, in use, and watched by nobody. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { enableRunStats, programCost } from '../../../src/bpf/info.ts';
import { BpfProgram } from '../../../src/bpf/program.ts';
import type { Dataplane } from '../../../src/dataplane/dataplane.ts';
import { openDataplane } from '../../../src/dataplane/open.ts';
import { removeDataplane } from '../../../src/dataplane/remove.ts';
import { needs } from '../../support/capabilities.ts';
import { waitFor } from '../../support/mesh.ts';
import { Peer } from '../fastpath/peer.ts';
import { otherBuild } from './other-build.ts';
import { PORTS, Sandbox } from './sandbox.ts';

const SETTINGS = { outboundPort: PORTS.proxy, promoteAfterSegments: 4, maxQueuedBytes: 1 << 20 };
const ROUNDS = 50;
const LOAD_ROUNDS = 20_000;
const ROUND_BYTES = 64;
const PATIENCE_MS = 60_000;

interface Pair {
  readonly client: Peer;
  readonly server: Peer;
}

describe('another build', needs('capture', 'fast path'), () => {
  let sandbox: Sandbox;
  let dataplane: Dataplane;
  let promoting: Disposable;
  let objects: string;
  let peers: AsyncDisposableStack;

  beforeAll(() => {
    objects = otherBuild();
  });
  afterAll(() => {
    rmSync(objects, { recursive: true });
  });
  beforeEach(() => {
    sandbox = new Sandbox();
    peers = new AsyncDisposableStack();
    dataplane = openDataplane(sandbox.instance);
    promoting = dataplane.promoteNominees();
    dataplane.applySettings(SETTINGS);
    dataplane.applyMembers(new Map([[sandbox.cgroup('a'), 'AUTO']]));
    dataplane.attachNamespace(sandbox.netnsPath('a'));
  });
  afterEach(async () => {
    await peers.disposeAsync();
    close();
    await sandbox[Symbol.asyncDispose]();
  });

  async function connect(): Promise<Pair> {
    const peer = () => peers.use(new Peer(sandbox.netnsPath('a'), sandbox.cgroup('a')));
    const pair = { client: peer(), server: peer() };
    const { bytes: port } = await pair.server.do('listen', '127.0.0.1');
    await pair.client.do('connect', '127.0.0.1', port);
    await pair.server.do('accept');
    for (const end of [pair.client, pair.server]) await end.do('wait', 'level');
    const before = linked();
    const isLinked = async (): Promise<void> => {
      await rounds(pair, ROUNDS);
      expect(linked()).toBe(before + 1);
    };
    // Where tc may not promote it happens between two of them.
    await vi.waitFor(isLinked, { timeout: 10_000 });
    return pair;
  }

  /** Every byte is looked at. */
  async function rounds({ client, server }: Pair, count: number): Promise<void> {
    const answered = server.do('echo', count * ROUND_BYTES, PATIENCE_MS);
    await Promise.all([answered, client.do('ask', count, ROUND_BYTES, PATIENCE_MS)]);
  }

  const count = (name: string): number => Number(dataplane.readCounters()[name] ?? 0n);
  const messages = (outcome: string): number => count(`messages-${outcome}`);
  const linked = (): number => count('linked');

  /** The verdict program that sockets get which are promoted now. */
  const verdict = (): BpfProgram => BpfProgram.openPinned(join(sandbox.instance.pinDir, 'programs', 'redirect'));

  function close(): void {
    promoting[Symbol.dispose]();
    dataplane[Symbol.dispose]();
  }

  function takeOver(): void {
    close();
    dataplane = openDataplane(sandbox.instance, { objects });
    promoting = dataplane.promoteNominees();
    dataplane.attachNamespace(sandbox.netnsPath('a'));
  }

  it('takes over from a supervisor that was killed, under load, without a byte lost or a redirect less', async () => {
    const pair = await connect();
    const opener = sandbox.spawn('a', sandbox.instance.cgroup, 'open.ts', sandbox.instance.name);
    await opener.next();
    let done = false;
    const load = rounds(pair, LOAD_ROUNDS).then(() => {
      done = true;
    });
    const before = messages('redirected');
    opener.kill('SIGKILL');
    await opener.ended();
    takeOver();
    expect(dataplane.opened.changes.join()).toContain('replaced socket_options');
    expect(done).toBe(false);
    await load;
    expect(messages('redirected') - before).toBeGreaterThan(1.9 * LOAD_ROUNDS);
  });

  it('gives its program to sockets that are promoted from then on; the others keep theirs until they close', async () => {
    using _stats = enableRunStats();
    using oldVerdict = verdict();
    const oldPair = await connect();
    takeOver();
    using newVerdict = verdict();
    expect(newVerdict.tag).not.toBe(oldVerdict.tag);
    const runs = () => [oldVerdict, newVerdict].map(({ fd }) => Number(programCost(fd, 'redirect').runs));

    const [oldBefore = 0] = runs();
    await rounds(oldPair, ROUNDS);
    expect(runs()).toEqual([oldBefore + 2 * ROUNDS, 0]);
    const newPair = await connect();
    const [oldAfter, newBefore = 0] = runs();
    expect(newBefore).toBeGreaterThan(0);
    await rounds(newPair, ROUNDS);
    expect(runs()).toEqual([oldAfter, newBefore + 2 * ROUNDS]);
  });

  it('and the one before obey the same maps', async () => {
    const pairs = [await connect()];
    takeOver();
    pairs.push(await connect());
    const all = async (): Promise<void> => {
      for (const pair of pairs) await rounds(pair, ROUNDS);
    };
    const counted = async (outcome: string): Promise<number> => {
      const before = messages(outcome);
      await all();
      return messages(outcome) - before;
    };
    expect(await counted('redirected')).toBe(4 * ROUNDS);
    dataplane.pause();
    expect(await counted('paused')).toBe(4 * ROUNDS);
    dataplane.resume();
    await all();
    dataplane.pauseMember(sandbox.cgroup('a'));
    expect(await counted('paused')).toBe(4 * ROUNDS);
    dataplane.resumeMember(sandbox.cgroup('a'));
    await all();
    dataplane.applyMembers(new Map([[sandbox.cgroup('a'), 'NEVER']]));
    expect(await counted('reader-refused')).toBe(4 * ROUNDS);
  });

  it('is gone from the kernel, with the one before, when the last promoted socket has closed after a removal', async () => {
    const ids: number[] = [];
    const note = (): void => {
      using program = verdict();
      ids.push(idOf(program));
    };
    note();
    const oldPair = await connect();
    takeOver();
    note();
    const newPair = await connect();
    expect(new Set(ids).size).toBe(2);

    expect(removeDataplane(sandbox.instance)).toMatchObject({ openSockets: 4, problems: [] });
    close();
    expect(ids.map(isLoaded)).toEqual([true, true]);
    for (const pair of [oldPair, newPair]) await rounds(pair, ROUNDS);
    for (const [index, { client, server }] of [oldPair, newPair].entries()) {
      await client.do('close');
      await server.do('close');
      await waitFor(`program ${ids[index]} is gone`, () => !isLoaded(ids[index] as number));
    }
    dataplane = openDataplane(sandbox.instance);
    promoting = dataplane.promoteNominees();
  });
});

function idOf({ fd }: BpfProgram): number {
  return Number(/^prog_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]);
}

function isLoaded(id: number): boolean {
  return spawnSync('bpftool', ['prog', 'show', 'id', String(id)]).status === 0;
}

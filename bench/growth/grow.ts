/** What a number of connections costs, as TCP and then promoted: the same sockets, so that the difference is the promotion. */
import { readFileSync } from 'node:fs';
import { enableRunStats } from '../../src/bpf/info.ts';
import { type BenchContext, difference, redirectedShare } from '../fastpath/bench-context.ts';
import type { FastPath } from '../fastpath/fast-path.ts';
import type { NetnsPair } from '../fastpath/netns-pair.ts';
import { Crowd } from './crowd.ts';

/** As many segments as promoteAfterSegments. */
const ROUNDS_BEFORE = 8;
/** Segments until both ends are promoted, by when they are looked at. */
const ROUNDS_TO_PROMOTE = 16;
/** One for the handover in each direction. */
const ROUNDS_TO_HAND_OVER = 2;

export interface Cost {
  readonly p50Us: number;
  /** Of the kernel's own structures, a connection with both its ends; the machine's other changes are in it. */
  readonly memoryBytes: number;
  /** What the programs took of each message, ns. */
  readonly programsNs: number;
  /** Percent. */
  readonly share: number;
}

export interface Grown {
  readonly tcp: Cost;
  readonly promoted: Cost;
}

/** Under load single connections wait for more segments: 1 of 100,000 was seen to. */
const LEAST_PROMOTED = 0.999;

/** @throws Error when more than one connection of a thousand was not promoted. */
export async function grow(
  fastPath: FastPath,
  pair: NetnsPair,
  cpus: BenchContext['cpus'],
  connections: number,
  durationMs: number,
): Promise<Grown> {
  const linkedBefore = fastPath.count('LINKED');
  const before = kernelBytes();
  fastPath.pause(true);
  await using crowd = await Crowd.connect(pair, cpus, connections);
  await crowd.rounds(ROUNDS_BEFORE);
  const tcp = await costs(fastPath, crowd, before, durationMs);
  fastPath.pause(false);
  const linkedNow = (): number => fastPath.count('LINKED') - linkedBefore;
  for (let round = 0; round < ROUNDS_TO_PROMOTE && linkedNow() < connections * LEAST_PROMOTED; round += 1) {
    await crowd.rounds(1);
  }
  const linked = linkedNow();
  await crowd.rounds(ROUNDS_TO_HAND_OVER);
  if (linked < connections * LEAST_PROMOTED) throw new Error(`${linked} of ${connections} connections were linked`);
  const promoted = await costs(fastPath, crowd, before, durationMs);
  // Not all: of many connections each is asked rarely, and the first message after 10 s goes by TCP.
  if (promoted.share === 0) throw new Error('no byte took the fast path');
  return { tcp, promoted };
}

async function costs(fastPath: FastPath, crowd: Crowd, before: number, durationMs: number): Promise<Cost> {
  const memoryBytes = (kernelBytes() - before) / crowd.connections;
  const sentBefore = fastPath.sentBytes();
  const { p50Us } = await crowd.measure(durationMs);
  const share = redirectedShare(difference(fastPath.sentBytes(), sentBefore));
  // Not while the time is taken: to measure programs costs as much as a small one.
  using _stats = enableRunStats();
  const programsBefore = programsNs(fastPath);
  const { messages } = await crowd.measure(durationMs / 2);
  return { p50Us, memoryBytes, programsNs: (programsNs(fastPath) - programsBefore) / (2 * messages), share };
}

function programsNs(fastPath: FastPath): number {
  return Object.values(fastPath.costs()).reduce((sum, { runTimeNs }) => sum + Number(runTimeNs), 0);
}

/** Slab, maps of BPF and pages of sockets. */
function kernelBytes(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return (kib('Slab') + kib('VmallocUsed') + kib('Percpu')) * 1024;
}

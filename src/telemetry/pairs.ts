/** What one workload sent to another on promoted connections, closed and open ones together. */
import type { FlowRecord } from '../dataplane/flows.ts';
import type { PairRecord } from '../dataplane/pairs.ts';
import type { ByOutcome } from './outcomes.ts';
import { pairKey } from './queue-sums.ts';

/** One direction between two members; sums since the data plane was created. */
export interface PairTotal {
  /** As {@link pairKey} makes it. */
  readonly key: string;
  readonly from: string;
  /** undefined: the other end is not known (yet), or is no member. */
  readonly to: string | undefined;
  /** Promoted sockets of `from` that are open now. */
  readonly open: number;
  /** The most that waited in the queue of one of these. */
  readonly queuedPeakBytes: number;
  readonly messages: ByOutcome;
  readonly bytes: ByOutcome;
}

interface Sums {
  open: number;
  queuedPeakBytes: number;
  readonly cgroupId: bigint;
  readonly peerCgroupId: bigint | undefined;
  readonly messages: number[];
  readonly bytes: number[];
}

/**
 * Sums that never go back. A connection that closes between the two reads is in neither, for one reading; what was said
 * before then stands.
 */
export class PairTotals {
  #last = new Map<string, Sums>();

  /**
   * Read `closed` before `open`: the other way round a connection that closes in between counts twice.
   * @param names Cgroup id -> workload. Senders without a name are gone, and left out.
   */
  update(
    closed: readonly PairRecord[],
    open: readonly FlowRecord[],
    names: ReadonlyMap<bigint, string>,
  ): readonly PairTotal[] {
    const now = new Map<string, Sums>();
    for (const pair of closed) add(now, pair, 0);
    for (const flow of open) add(now, flow, 1);
    for (const [key, sums] of now) {
      const last = this.#last.get(key);
      if (last === undefined) continue;
      raise(sums.messages, last.messages);
      raise(sums.bytes, last.bytes);
    }
    for (const [key, sums] of this.#last) {
      if (!now.has(key) && isNamed(sums, names)) now.set(key, { ...sums, open: 0, queuedPeakBytes: 0 });
    }
    this.#last = now;
    return [...now]
      .filter(([, sums]) => isNamed(sums, names))
      .map(([key, { cgroupId, peerCgroupId, ...sums }]) => ({
        key,
        from: names.get(cgroupId) ?? '',
        to: peerCgroupId === undefined ? undefined : names.get(peerCgroupId),
        ...sums,
      }))
      .sort((a, b) => compare(a.from, b.from) || compare(a.to ?? '', b.to ?? ''));
  }
}

function isNamed({ cgroupId }: Sums, names: ReadonlyMap<bigint, string>): boolean {
  return names.has(cgroupId);
}

function add(to: Map<string, Sums>, one: PairRecord | FlowRecord, open: number): void {
  const { cgroupId, peerCgroupId } = one;
  const key = pairKey(cgroupId, peerCgroupId);
  const sums = to.get(key) ?? { cgroupId, peerCgroupId, open: 0, queuedPeakBytes: 0, messages: [], bytes: [] };
  sums.open += open;
  if ('queuedPeakBytes' in one) sums.queuedPeakBytes = Math.max(sums.queuedPeakBytes, one.queuedPeakBytes);
  one.messages.forEach((count, outcome) => {
    sums.messages[outcome] = (sums.messages[outcome] ?? 0) + count;
  });
  one.bytes.forEach((count, outcome) => {
    sums.bytes[outcome] = (sums.bytes[outcome] ?? 0) + count;
  });
  to.set(key, sums);
}

function raise(now: number[], last: readonly number[]): void {
  last.forEach((count, outcome) => {
    now[outcome] = Math.max(now[outcome] ?? 0, count);
  });
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

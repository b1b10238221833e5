/** Queues by pair of members: sums that never go back while this process lives. */
import type { QueueRecord } from '../dataplane/queues.ts';

export interface QueueSum {
  /** Waiting to be read now, in the queues of open connections. */
  bytes: number;
  /** Bytes times nanoseconds that they waited, and how many bytes that were: only of the time that was measured. */
  byteNs: bigint;
  measuredBytes: bigint;
}

export class QueueSums {
  readonly #closed = new Map<string, QueueSum>();

  /** Each record of a connection that closed must be given once. Key: `CGROUP>CGROUP`, sender first. */
  update(records: readonly QueueRecord[]): ReadonlyMap<string, QueueSum> {
    for (const record of records) if (!record.isOpen) add(this.#closed, { ...record, queuedBytes: 0 });
    const all = new Map([...this.#closed].map(([key, sum]) => [key, { ...sum }]));
    for (const record of records) if (record.isOpen) add(all, record);
    return all;
  }
}

/** How a pair is named in {@link QueueSums.update}. */
export function pairKey(cgroupId: bigint, peerCgroupId: bigint | undefined): string {
  return `${cgroupId}>${peerCgroupId ?? 0n}`;
}

/** Mean time that a byte waited, by Little's law; undefined when nothing was measured. */
export function meanDelayMs({ byteNs, measuredBytes }: Pick<QueueSum, 'byteNs' | 'measuredBytes'>): number | undefined {
  return measuredBytes === 0n ? undefined : Number(byteNs) / Number(measuredBytes) / NS_PER_MS;
}

const NS_PER_MS = 1e6;

function add(to: Map<string, QueueSum>, record: QueueRecord): void {
  const key = pairKey(record.cgroupId, record.peerCgroupId);
  const sum = to.get(key) ?? { bytes: 0, byteNs: 0n, measuredBytes: 0n };
  sum.bytes += record.queuedBytes;
  sum.byteNs += record.byteNs;
  sum.measuredBytes += record.measuredBytes;
  to.set(key, sum);
}

import { describe, expect, it } from 'vitest';
import type { QueueRecord } from '../../../src/dataplane/queues.ts';
import { meanDelayMs, QueueSums } from '../../../src/telemetry/queue-sums.ts';

const record = (cookie: bigint, isOpen: boolean, queuedBytes: number): QueueRecord => ({
  cookie,
  cgroupId: 1n,
  peerCgroupId: 2n,
  isOpen,
  queuedBytes,
  byteNs: 6_000_000n,
  measuredBytes: 3n,
});

describe('queues of a pair', () => {
  it('are those of its connections, and what closed stays in the sums but waits no more', () => {
    const sums = new QueueSums();
    expect(sums.update([record(1n, true, 5), record(2n, false, 7)]).get('1>2')).toEqual({
      bytes: 5,
      byteNs: 12_000_000n,
      measuredBytes: 6n,
    });
    expect(sums.update([record(1n, true, 0)]).get('1>2')).toEqual({
      bytes: 0,
      byteNs: 12_000_000n,
      measuredBytes: 6n,
    });
  });

  it('wait for the time that each byte waited, on average', () => {
    expect(meanDelayMs({ byteNs: 6_000_000n, measuredBytes: 3n })).toBe(2);
    expect(meanDelayMs({ byteNs: 0n, measuredBytes: 0n })).toBeUndefined();
  });
});

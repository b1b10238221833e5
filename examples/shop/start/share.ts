/**
 * The share of bytes on the fast path while it is on. The kernel's counters never stop: what was sent while the fast path
 * was paused on purpose is left out by adding up stretches.
 */
import type { FastPathStatus } from '../../../src/api/types.ts';

type Counters = Pick<FastPathStatus, 'redirectedBytes' | 'safeReaderBytes' | 'bytes'>;

export interface Share extends Counters {
  /** redirectedBytes / safeReaderBytes; null while nothing was sent. */
  readonly share: number | null;
}

const NOTHING: Counters = { redirectedBytes: 0, safeReaderBytes: 0, bytes: {} };

export class ShareMeter {
  #sum = NOTHING;
  #last: Counters | undefined;

  /** The newest counters; what was sent since those before them counts. */
  add(now: Counters): void {
    if (this.#last !== undefined) this.#sum = combine(this.#sum, now, this.#last);
    this.#last = now;
  }

  /** What is sent from now until the next {@link add} does not count. */
  skip(): void {
    this.#last = undefined;
  }

  total(): Share {
    const { redirectedBytes, safeReaderBytes, bytes } = this.#sum;
    const share = safeReaderBytes === 0 ? null : redirectedBytes / safeReaderBytes;
    return { redirectedBytes, safeReaderBytes, share, bytes };
  }
}

/** sum + now - before. */
function combine(sum: Counters, now: Counters, before: Counters): Counters {
  const outcomes = Object.keys(now.bytes).map((name): [string, number] => [
    name,
    (sum.bytes[name] ?? 0) + (now.bytes[name] ?? 0) - (before.bytes[name] ?? 0),
  ]);
  return {
    redirectedBytes: sum.redirectedBytes + now.redirectedBytes - before.redirectedBytes,
    safeReaderBytes: sum.safeReaderBytes + now.safeReaderBytes - before.safeReaderBytes,
    bytes: Object.fromEntries(outcomes),
  };
}

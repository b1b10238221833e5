/**
 * The share of bytes on the fast path while it is on. The kernel's counters never stop: what was sent while the fast path
 * was paused on purpose is left out by adding up stretches.
 */
import type { FastPathStatus } from '../../../src/api/types.ts';

type Bytes = Pick<FastPathStatus, 'redirectedBytes' | 'safeReaderBytes'>;

export class ShareMeter {
  #redirectedBytes = 0;
  #safeReaderBytes = 0;
  #last: Bytes | undefined;

  /** The newest counters; what was sent since those before them counts. */
  add(now: Bytes): void {
    if (this.#last !== undefined) {
      this.#redirectedBytes += now.redirectedBytes - this.#last.redirectedBytes;
      this.#safeReaderBytes += now.safeReaderBytes - this.#last.safeReaderBytes;
    }
    this.#last = { redirectedBytes: now.redirectedBytes, safeReaderBytes: now.safeReaderBytes };
  }

  /** What is sent from now until the next {@link add} does not count. */
  skip(): void {
    this.#last = undefined;
  }

  /** `share` is null while nothing was sent. */
  total(): { redirectedBytes: number; safeReaderBytes: number; share: number | null } {
    const [redirectedBytes, safeReaderBytes] = [this.#redirectedBytes, this.#safeReaderBytes];
    return {
      redirectedBytes,
      safeReaderBytes,
      share: safeReaderBytes === 0 ? null : redirectedBytes / safeReaderBytes,
    };
  }
}

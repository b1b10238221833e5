/**
 * Time, injected: what waits, backs off or stamps takes a {@link Clock}, so that a test decides what time it is
 * (test/support/manual-clock.ts) and never sleeps.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Wall-clock time, milliseconds since the epoch. For stamps only: it jumps when the machine's time is set. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. For every duration and deadline. */
  monotonicMs(): number;
  /**
   * Resolves after `durationMs` (0 or less: on the next turn of the event loop). The wait does not keep the process
   * alive. Rejects with the signal's reason once `signal` is aborted.
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(durationMs, signal) {
    try {
      await delay(Math.max(0, durationMs), undefined, signal === undefined ? { ref: false } : { ref: false, signal });
    } catch (error) {
      // node wraps the reason in an AbortError of its own; the caller compares with the reason it gave
      signal?.throwIfAborted();
      throw error;
    }
  },
};

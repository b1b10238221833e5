/** A clock that stands still until the test moves it. */
import type { Clock } from '../../src/clock.ts';

interface Sleeper {
  untilMs: number;
  wake: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  #startMs: number;
  readonly #sleepers = new Set<Sleeper>();

  /** @param startMs the wall-clock time at which it stands; default 2026-01-01T00:00:00Z. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  /** How many sleep now; a test waits for this before it moves the clock. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper: Sleeper = { untilMs: this.#nowMs + durationMs, wake: resolve };
    const abort = () => reject(signal?.reason);
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', abort);
    try {
      await promise;
    } finally {
      this.#sleepers.delete(sleeper);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Moves time on and wakes, in order, whose time has come; returns when what they did at once is done. */
  async advance(durationMs: number): Promise<void> {
    const targetMs = this.#nowMs + durationMs;
    for (;;) {
      const due = [...this.#sleepers].filter(({ untilMs }) => untilMs <= targetMs);
      const [next] = due.sort((a, b) => a.untilMs - b.untilMs);
      if (next === undefined) break;
      this.#sleepers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      next.wake();
      await new Promise(setImmediate);
    }
    this.#nowMs = targetMs;
  }
}

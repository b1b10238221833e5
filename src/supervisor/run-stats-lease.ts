/** Has the kernel measure BPF programs for as long as somebody asks, and not a moment longer than was asked for. */
import { enableRunStats } from '../bpf/info.ts';
import type { Clock } from '../clock.ts';

export class RunStatsLease implements Disposable {
  readonly #clock: Clock;
  readonly #enable: () => Disposable;
  #held: Disposable | undefined;
  #untilMs = 0;
  #ended = new AbortController();

  /** @param enable Replaced by tests. */
  constructor(clock: Clock, enable: () => Disposable = enableRunStats) {
    this.#clock = clock;
    this.#enable = enable;
  }

  /** From now on, at least so long. @throws E_SYSCALL. */
  hold(durationMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, this.#clock.monotonicMs() + durationMs);
    if (this.#held !== undefined) return;
    this.#held = this.#enable();
    this.#ended = new AbortController();
    void this.#releaseInTime(this.#ended.signal);
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  [Symbol.dispose](): void {
    this.#held?.[Symbol.dispose]();
    this.#held = undefined;
    this.#untilMs = 0;
    this.#ended.abort();
  }

  async #releaseInTime(ended: AbortSignal): Promise<void> {
    while (!ended.aborted) {
      const leftMs = this.#untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0) return this[Symbol.dispose]();
      await this.#clock.sleep(leftMs, ended).catch(() => undefined);
    }
  }
}

/** Looks at the queues of promoted readers: once when asked, and again and again while somebody has them measured. */
import type { Clock } from '../clock.ts';
import type { QueueRecord, Queues } from '../dataplane/queues.ts';
import { type QueueSum, QueueSums } from '../telemetry/queue-sums.ts';

/** Between two looks, drawn by lot: what is regular could keep step with the traffic. */
const PAUSE_MS = { least: 10, most: 30 } as const;
/** Looks take at most this part of a processor, however many connections there are. */
const SHARE_MAX = 0.01;

export interface QueuesNow {
  /** Open connections by cookie of the sending socket. */
  readonly byCookie: ReadonlyMap<bigint, QueueRecord>;
  /** By `pairKey`. */
  readonly byPair: ReadonlyMap<string, QueueSum>;
}

export class QueueWatch implements Disposable {
  readonly #clock: Clock;
  readonly #open: () => Queues | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #sums = new QueueSums();
  #queues: Queues | undefined;
  #isBroken = false;
  #untilMs = 0;
  #ended: AbortController | undefined;

  /**
   * @param open Called when somebody asks, until it answers or throws. @param onFailure Told once, when it threw: then
   * nothing is known of queues, and all else that is asked for is answered.
   */
  constructor(clock: Clock, open: () => Queues | undefined, onFailure: (error: unknown) => void) {
    this.#clock = clock;
    this.#open = open;
    this.#onFailure = onFailure;
  }

  /** From now on, at least so long. */
  hold(durationMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, this.#clock.monotonicMs() + durationMs);
    const queues = this.#opened();
    if (queues === undefined || this.#ended !== undefined) return;
    this.#ended = new AbortController();
    void this.#lookOn(queues, this.#ended.signal);
  }

  /** Empty when nothing is known. @throws E_SYSCALL. */
  now(): QueuesNow {
    const records = this.#opened()?.read() ?? [];
    return {
      byCookie: new Map(records.filter(({ isOpen }) => isOpen).map((record) => [record.cookie, record])),
      byPair: this.#sums.update(records),
    };
  }

  [Symbol.dispose](): void {
    this.#ended?.abort();
    this.#ended = undefined;
    this.#queues?.[Symbol.dispose]();
    this.#queues = undefined;
  }

  #opened(): Queues | undefined {
    if (this.#isBroken) return undefined;
    try {
      this.#queues ??= this.#open();
    } catch (error) {
      this.#isBroken = true;
      this.#onFailure(error);
    }
    return this.#queues;
  }

  async #lookOn(queues: Queues, ended: AbortSignal): Promise<void> {
    while (!ended.aborted && this.#clock.monotonicMs() < this.#untilMs) {
      const beforeMs = this.#clock.monotonicMs();
      try {
        queues.look();
      } catch {
        // Who asks for what was seen looks too, and is told.
        break;
      }
      const tookMs = this.#clock.monotonicMs() - beforeMs;
      const pauseMs = PAUSE_MS.least + Math.random() * (PAUSE_MS.most - PAUSE_MS.least);
      await this.#clock.sleep(Math.max(pauseMs, tookMs / SHARE_MAX), ended).catch(() => undefined);
    }
    if (!ended.aborted) this.#ended = undefined;
  }
}

/** Pauses, credit and shortage of memory that come and go by chance while a load runs. */
import type { FastPath } from '../../support/fastpath-fixture.ts';
import { TcpMemory } from '../../support/tcp-memory.ts';

const INTERVAL_MS_MAX = 100;
const STARVED_MS_MAX = 20;
const CREDITS = [0, 1000, 64 * 1024, 1024 * 1024];
/** The largest credit that it ever gives. */
export const CREDIT_MAX = Math.max(...CREDITS);

export class Disturbance implements AsyncDisposable {
  readonly #fastPath: FastPath;
  readonly #starves: boolean;
  readonly #ended: Promise<void>;
  #ending = false;
  #shortages = 0;

  /** Begins at once; `starves`: with shortage of memory. Dispose it: all is as it was. */
  constructor(fastPath: FastPath, starves: boolean) {
    this.#starves = starves;
    this.#fastPath = fastPath;
    this.#ended = this.#run();
  }

  /** How often memory was short. 0 where another test keeps it as it is. */
  get shortages(): number {
    return this.#shortages;
  }

  async #run(): Promise<void> {
    while (!this.#ending) {
      const chance = Math.random();
      if (chance < 0.2) this.#fastPath.change({ paused: 1 });
      else if (chance < 0.5) this.#fastPath.change({ paused: 0 });
      else if (chance < 0.9 || !this.#starves)
        this.#fastPath.change({ maxQueuedBytes: CREDITS[Math.floor(Math.random() * 4)] ?? 0 });
      else await this.#starve();
      await pause(Math.random() * INTERVAL_MS_MAX);
    }
  }

  /** The machine's: the kernel is short of memory for TCP for some milliseconds. Not while another test has a say. */
  async #starve(): Promise<void> {
    await using memory = await TcpMemory.tryTake();
    if (memory === undefined) return;
    memory.shorten(1);
    this.#shortages += 1;
    await pause(Math.random() * STARVED_MS_MAX);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    await this.#ended;
    this.#fastPath.change({ paused: 0, maxQueuedBytes: CREDIT_MAX });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

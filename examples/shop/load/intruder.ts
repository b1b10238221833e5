/** Tries to reach the cache, which policy allows to the api alone: connect(2) must fail with EPERM. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from './settings.ts';

const PAUSE_MS = 1000;
const TIMEOUT_MS = 5000;

export interface IntruderCounts {
  attempts: number;
  /** EPERM: the kernel refused. */
  refused: number;
  /** The connection was made: the policy failed. */
  reached: number;
  /** Anything else: nothing is known about the policy. */
  errors: number;
}

export class Intruder {
  readonly counts: IntruderCounts = { attempts: 0, refused: 0, reached: 0, errors: 0 };
  lastError: string | undefined;
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const outcome = await attempt(this.#settings.cacheHost, this.#settings.cachePort);
      this.counts.attempts += 1;
      if (outcome === 'EPERM') this.counts.refused += 1;
      else if (outcome === 'connected') this.counts.reached += 1;
      else this.counts.errors += 1;
      if (outcome !== 'EPERM') this.lastError = `connect to ${this.#settings.cacheHost}: ${outcome}, expected EPERM`;
      await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** `connected`, or the code of the error. */
function attempt(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    const end = (outcome: string): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => end('connected'));
    socket.once('timeout', () => end('ETIMEDOUT'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

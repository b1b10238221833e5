/** One customer: a keep-alive connection to each Service, one request after the other at a steady pace. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import { nextRequest, type PlannedRequest, type Target } from './requests.ts';
import type { Settings } from './settings.ts';
import type { Answer, Tally } from './tally.ts';

/** Longer than any pause of ours: the connection is kept. */
const KEEP_ALIVE_MS = 600_000;

export class Customer {
  readonly #clients: Readonly<Record<Target, Client>>;
  readonly #settings: Settings;
  readonly #tally: Tally;

  constructor(settings: Settings, tally: Tally) {
    const options = { keepAliveTimeout: KEEP_ALIVE_MS };
    this.#settings = settings;
    this.#tally = tally;
    this.#clients = { web: new Client(settings.webUrl, options), api: new Client(settings.apiUrl, options) };
  }

  /** Until the signal aborts; what is on its way then is finished and counted. */
  async run(signal: AbortSignal): Promise<void> {
    const intervalMs = (1000 * this.#settings.connections) / this.#settings.rate;
    // Customers do not come in step.
    let nextMs = performance.now() + Math.random() * intervalMs;
    while (!signal.aborted) {
      const waitMs = nextMs - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      // A slow answer delays the next request and is not made up for: the offered load never bunches up.
      nextMs = Math.max(nextMs + intervalMs, performance.now());
      await this.#ask(nextRequest(Math.random));
    }
    await Promise.all(Object.values(this.#clients).map((client) => client.destroy()));
  }

  async #ask(request: PlannedRequest): Promise<void> {
    const startMs = performance.now();
    try {
      const answer = await this.send(request);
      this.#tally.answered(request, answer, performance.now() - startMs);
    } catch (error) {
      this.#tally.failed(request, error as Error);
    }
  }

  async send({ target, method, path }: Pick<PlannedRequest, 'target' | 'method' | 'path'>): Promise<Answer> {
    const signal = AbortSignal.timeout(this.#settings.timeoutMs);
    const response = await this.#clients[target].request({ method, path, signal });
    return { status: response.statusCode, body: await response.body.text() };
  }
}

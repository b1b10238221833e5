/** Uploads through the mesh to nginx, read back and compared: what arrives must be what was sent. */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'undici';
import type { Settings } from './settings.ts';

export interface UploadCounts {
  done: number;
  equal: number;
  /** The hashes differ. */
  different: number;
  timeouts: number;
  /** Refused or broken off. */
  failed: number;
  /** Both ways, of the equal ones. */
  bytes: number;
  /** Sizes that came back equal at least once. */
  equalSizes: number[];
}

export class Uploads {
  readonly counts: UploadCounts = { done: 0, equal: 0, different: 0, timeouts: 0, failed: 0, bytes: 0, equalSizes: [] };
  lastError: string | undefined;
  readonly #settings: Settings;
  readonly #client: Client;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#client = new Client(settings.webUrl, { keepAliveTimeout: 600_000, bodyTimeout: 0, headersTimeout: 0 });
  }

  /** One size after the other, for ever, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (let turn = 0; !signal.aborted; turn += 1) {
      const size = this.#settings.uploadSizes[turn % this.#settings.uploadSizes.length] ?? 1;
      await this.#roundTrip(size, signal);
      await delay(this.#settings.uploadPauseMs, undefined, { signal }).catch(() => undefined);
    }
    await this.#client.destroy();
  }

  async #roundTrip(size: number, stop: AbortSignal): Promise<void> {
    const path = `/upload/${size}`;
    const sent = randomBytes(size);
    try {
      const put = await this.#request('PUT', path, stop, sent);
      if (put.status !== 201 && put.status !== 204) throw new Error(`PUT ${path}: ${put.status}`);
      const got = await this.#request('GET', path, stop);
      if (got.status !== 200) throw new Error(`GET ${path}: ${got.status}`);
      this.#compare(size, sha256(sent), sha256(got.body));
    } catch (error) {
      if (stop.aborted) return;
      const isTimeout = (error as Error).name === 'TimeoutError';
      this.counts[isTimeout ? 'timeouts' : 'failed'] += 1;
      this.lastError = `upload of ${size} bytes: ${(error as Error).message}`;
    }
    this.counts.done += 1;
  }

  #compare(size: number, sent: string, got: string): void {
    if (sent !== got) {
      this.counts.different += 1;
      this.lastError = `upload of ${size} bytes: sent sha256 ${sent}, got ${got}`;
      return;
    }
    this.counts.equal += 1;
    this.counts.bytes += 2 * size;
    if (!this.counts.equalSizes.includes(size)) this.counts.equalSizes.push(size);
  }

  async #request(
    method: 'PUT' | 'GET',
    path: string,
    stop: AbortSignal,
    body?: Buffer,
  ): Promise<{ status: number; body: Buffer }> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(this.#settings.timeoutMs)]);
    const response = await this.#client.request({ method, path, signal, ...(body === undefined ? {} : { body }) });
    return { status: response.statusCode, body: Buffer.from(await response.body.arrayBuffer()) };
  }
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

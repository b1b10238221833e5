/** HTTP/1.1 requests over keep-alive connections, with repeated headers in both directions. */
import { Agent, type OutgoingHttpHeaders, request } from 'node:http';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';

export interface Answer {
  readonly status: number;
  /** Lower-case names, in order, repeated ones too. */
  readonly headers: HeaderList;
  readonly body: string;
  readonly elapsedMs: number;
}

export interface Question {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: HeaderList;
  readonly body?: string;
}

export class HttpClient implements Disposable {
  readonly #port: number;
  readonly #agent: Agent;

  /** `connections`: at most so many at once. */
  constructor(port: number, connections = 1) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  send({ method = 'GET', path = '/', headers = [], body = '' }: Question = {}): Promise<Answer> {
    const byName: OutgoingHttpHeaders = {};
    for (const [name, value] of headers) {
      const before = byName[name];
      byName[name] = before === undefined ? value : [before, value].flat().map(String);
    }
    const start = performance.now();
    return new Promise((done, fail) => {
      const outgoing = request(
        { host: '127.0.0.1', port: this.#port, agent: this.#agent, method, path, headers: byName },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', fail);
          response.on('end', () =>
            done({
              status: response.statusCode ?? 0,
              headers: pairsOf(response.rawHeaders),
              body: Buffer.concat(chunks).toString('utf8'),
              elapsedMs: performance.now() - start,
            }),
          );
        },
      );
      outgoing.on('error', fail);
      outgoing.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Node's flat list as pairs, names in lower case. */
export function pairsOf(raw: readonly string[]): HeaderList {
  const pairs: HeaderList = [];
  for (let i = 0; i < raw.length; i += 2) pairs.push([(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '']);
  return pairs;
}

/** All values of one name. */
export function valuesOf(headers: HeaderList, name: string): string[] {
  return headers.filter(([header]) => header === name).map(([, value]) => value);
}

/** Keep-alive load: as many requests as the answers allow, for a time. Every answer must be the expected one. */
import { connect } from 'node:http2';
import { Pool } from 'undici';

export interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly durationMs: number;
  /** HTTP/1.1: connections. HTTP/2: streams at a time on one connection. */
  readonly concurrency: number;
}

/** @returns the number of requests. @throws Error when one is not answered with 200. */
export async function http1Load({ port, path, durationMs, concurrency }: LoadOptions): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: concurrency, pipelining: 1 });
  try {
    return await repeat(durationMs, concurrency, async () => {
      const { statusCode, body } = await pool.request({ method: 'GET', path });
      await body.dump();
      return statusCode;
    });
  } finally {
    await pool.destroy();
  }
}

/** With prior knowledge, without TLS. */
export async function http2Load({ port, path, durationMs, concurrency }: LoadOptions): Promise<number> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    return await repeat(
      durationMs,
      concurrency,
      () =>
        new Promise((resolve, reject) => {
          const stream = session.request({ ':method': 'GET', ':path': path });
          let status = 0;
          stream.once('response', (headers) => {
            status = headers[':status'] ?? 0;
          });
          stream.once('error', reject);
          stream.once('end', () => resolve(status));
          stream.resume();
        }),
    );
  } finally {
    session.destroy();
  }
}

async function repeat(durationMs: number, concurrency: number, send: () => Promise<number>): Promise<number> {
  const end = performance.now() + durationMs;
  let requests = 0;
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      const status = await send();
      if (status !== 200) throw new Error(`request ${requests}: expected status 200, got ${status}`);
      requests += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  return requests;
}

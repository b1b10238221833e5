/**
 * The shop's api: items from the cache, over HTTP. Environment: HOST (default 127.0.0.1), PORT (8080), CACHE_URL
 * (redis://cache:6379). It knows nothing of the mesh.
 */
import { createServer, type ServerResponse } from 'node:http';
import { createClient } from 'redis';
import { ITEM_COUNT, itemOf } from './catalogue.ts';

const HOST = process.env.HOST ?? '127.0.0.1';
const PORT = Number(process.env.PORT ?? 8080);
const CACHE_URL = process.env.CACHE_URL ?? 'redis://cache:6379';
/** A server that closes an idle connection while a request is on its way makes that request fail. */
const KEEP_ALIVE_MS = 3_600_000;

const cache = createClient({
  url: CACHE_URL,
  socket: { reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 1000) },
});
cache.on('error', (error: Error) => console.error(`cache: ${error.message}`));
await cache.connect();
for (let id = 0; id < ITEM_COUNT; id += 1) await cache.set(`item:${id}`, JSON.stringify(itemOf(id)));

const server = createServer((request, response) => {
  answer(request.method ?? '', request.url ?? '', response).catch((error: Error) => {
    send(response, 502, { error: error.message });
  });
});
server.keepAliveTimeout = KEEP_ALIVE_MS;
server.listen(PORT, HOST);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    server.close();
    server.closeIdleConnections();
    cache.destroy();
  });
}

async function answer(method: string, url: string, response: ServerResponse): Promise<void> {
  const path = url.split('?', 1)[0] ?? '';
  if (path === '/admin/keys') return send(response, 200, await cache.keys('item:*'));
  if (method !== 'GET') return send(response, 405, { error: 'read only' });
  if (path === '/healthz') return send(response, 200, { ready: (await cache.ping()) === 'PONG' });
  if (path === '/items') return send(response, 200, { count: await cache.dbSize() });
  const id = /^\/items\/(\d+)$/.exec(path)?.[1];
  const item = id === undefined ? null : await cache.get(`item:${id}`);
  if (item === null) return send(response, 404, { error: `no ${path}` });
  send(response, 200, item);
}

/** A text is JSON already. */
function send(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

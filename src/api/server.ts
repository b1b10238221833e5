/**
 * The supervisor's API: HTTP with JSON over a unix socket that only root can open. Every request is answered; an error is
 * an {@link ApiError} with the code of the table in src/errors.ts.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { ShuntError } from '../errors.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import type { AdHocRequest, ApiError, ApplyRequest, DownRequest, ForgetRequest, PauseRequest } from './types.ts';

/** Largest request body: 32 MiB, twice what the configuration reader takes. More is refused with 413. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

type Handler = (
  supervisor: Supervisor,
  body: unknown,
  path: string,
  query: URLSearchParams,
) => unknown | Promise<unknown>;

/** Prometheus' text format; an answer that is text is sent as this. */
const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const ROUTES: Readonly<Record<string, Handler>> = {
  'GET /v1/status': (supervisor) => supervisor.status(),
  'GET /v1/workloads': (supervisor) => supervisor.workloadStatus(),
  'GET /v1/flows': (supervisor) => supervisor.telemetry.flows(),
  'GET /v1/connections': (supervisor) => supervisor.telemetry.connections(),
  'GET /v1/explain/': (supervisor, _body, rest) => supervisor.telemetry.explain(rest),
  'GET /v1/pairs': (supervisor, _body, _path, query) => supervisor.telemetry.pairs(query.get('cost') ?? undefined),
  'GET /v1/pcap': (supervisor, _body, _path, query) =>
    supervisor.telemetry.startPcap({
      flows: query.getAll('flow'),
      snap: query.get('snap') ?? undefined,
      size: query.get('size') ?? undefined,
    }),
  'DELETE /v1/pcap': (supervisor) => supervisor.telemetry.stopPcap(),
  'GET /metrics': (supervisor, _body, _path, query) =>
    supervisor.telemetry.metrics(query.get('format') === 'json' ? 'json' : 'text', query.get('cost') ?? undefined),
  'POST /v1/apply': (supervisor, body) => supervisor.apply((body as ApplyRequest).sources),
  'POST /v1/plan': (supervisor, body) => supervisor.plan((body as ApplyRequest).sources),
  'POST /v1/pause': (supervisor, body) => supervisor.setPaused(true, (body as PauseRequest).workload),
  'POST /v1/resume': (supervisor, body) => supervisor.setPaused(false, (body as PauseRequest).workload),
  'POST /v1/forget': (supervisor, body) => supervisor.forget((body as ForgetRequest).workload),
  'POST /v1/down': (supervisor, body) => supervisor.down((body as DownRequest).unlessApplied),
  'POST /v1/workloads': (supervisor, body) => supervisor.addAdHoc(body as AdHocRequest),
  'DELETE /v1/workloads/': (supervisor, _body, rest) => supervisor.removeAdHoc(rest),
};

/**
 * Listens on `socketPath` (mode 0600; a left-over file is replaced, which is safe because the caller holds the instance's
 * lock). The caller closes the server; the file goes with it.
 */
export async function serveApi(supervisor: Supervisor, socketPath: string): Promise<Server> {
  rmSync(socketPath, { force: true });
  const server = createServer((request, response) => {
    answer(supervisor, request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new ShuntError('E_API', `listen on ${socketPath}: ${cause.message}`, { cause })),
    );
    server.listen(socketPath, resolve);
  });
  chmodSync(socketPath, 0o600);
  return server;
}

async function answer(supervisor: Supervisor, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = await readBody(request);
    const [handler, rest, query] = route(request.method ?? '', request.url ?? '');
    send(response, 200, (await handler(supervisor, body, rest, query)) ?? {});
  } catch (error) {
    const known =
      error instanceof ShuntError
        ? error
        : new ShuntError('E_API', `internal error: ${String(error)}`, { cause: error });
    const status = known.code === 'E_USAGE' || known.code === 'E_CONFIG' ? 400 : 500;
    send(response, status, { code: known.code, message: known.message } satisfies ApiError);
  }
}

function route(method: string, url: string): [Handler, string, URLSearchParams] {
  const path = url.split('?', 1)[0] ?? '';
  const query = new URLSearchParams(url.slice(path.length));
  const exact = ROUTES[`${method} ${path}`];
  if (exact !== undefined) return [exact, '', query];
  for (const [pattern, handler] of Object.entries(ROUTES)) {
    if (pattern.endsWith('/') && `${method} ${path}`.startsWith(pattern)) {
      return [handler, decodeURIComponent(`${method} ${path}`.slice(pattern.length)), query];
    }
  }
  throw new ShuntError('E_USAGE', `${method} ${path}: no such resource; this is API v1`);
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new ShuntError('E_USAGE', `request body exceeds ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (length === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new ShuntError('E_USAGE', 'request body: expected JSON', { cause });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (body instanceof Readable) {
    response.writeHead(status, { 'content-type': 'application/octet-stream' });
    // Whoever asked may go away: that ends the stream, and is nobody's error.
    pipeline(body, response, () => undefined);
    return;
  }
  if (typeof body === 'string') {
    response.writeHead(status, { 'content-type': TEXT_TYPE });
    response.end(body);
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

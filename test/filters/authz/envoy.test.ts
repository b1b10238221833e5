import { type ClientHttp2Session, connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { ecdsFilter, TestEnvoy } from '../support/envoy.ts';
import { claimsFilter, cluster, httpListener, peerAddressFilter, routedHost } from '../support/envoy-config.ts';
import { nativeFilters, nativeRoute, nativeShadow } from '../support/native-rbac.ts';
import { valueBytes } from '../support/protobuf-value.ts';
import { RawClient } from '../support/raw-client.ts';
import { Upstream } from '../support/upstream.ts';
import { cases as all, type Case, configuration } from './cases.ts';

const config = configuration();
const destinations = Object.keys(config.destinations);
const known = Object.keys(config.sources);
/** A server name needs TLS: server-name.test.ts. */
const cases = all.filter(({ sni }) => sni === undefined);
const sources = [...new Set(cases.map(({ source }) => source))];

let upstream: Upstream;
let envoy: TestEnvoy;
const clients = new Map<string, RawClient>();
const sessions = new Map<string, ClientHttp2Session>();

beforeAll(async () => {
  upstream = await Upstream.start();
  envoy = await TestEnvoy.start(
    (dir) => ({
      clusters: destinations.map((name) => cluster(name, upstream.port)),
      listeners: [
        ...sources.map((source) =>
          httpListener({
            name: `wasm ${source}`,
            source,
            networkFilters: [peerAddressFilter],
            filters: [claimsFilter, ecdsFilter(dir, 'shunt.authz')],
            virtualHosts: [routedHost(destinations.map((name) => ({ name, cluster: name })))],
          }),
        ),
        ...known.map((source) =>
          httpListener({
            name: `native ${source}`,
            filters: [claimsFilter, ...nativeFilters],
            virtualHosts: [
              routedHost(
                destinations.map((name) => ({
                  name,
                  cluster: name,
                  perFilter: nativeRoute(config, source, name),
                  responseHeaders: nativeShadow,
                })),
              ),
            ],
          }),
        ),
      ],
    }),
    { 'shunt.authz': wasmPlugin('authz', JSON.stringify(config)) },
  );
  for (const name of [...sources.map((source) => `wasm ${source}`), ...known.map((source) => `native ${source}`)]) {
    const port = await envoy.port(name);
    clients.set(name, new RawClient(port));
    if (name.startsWith('wasm')) sessions.set(name, connect(`http://127.0.0.1:${port}`));
  }
});

afterAll(async () => {
  for (const client of clients.values()) client[Symbol.dispose]();
  for (const session of sessions.values()) session.destroy();
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

/** Headers of a case, and those that stand for what a case says of its connection. */
function headersOf({ cluster: destination, headers, claims }: Case, remote: string | undefined): [string, string][] {
  return [
    ...headers.map(([name, value]): [string, string] => [name, value]),
    ['x-destination', destination],
    ...(remote === undefined ? [] : [['x-forwarded-for', remote] as [string, string]]),
    ...(claims === undefined ? [] : [['x-claims', valueBytes(claims).toString('base64')] as [string, string]]),
  ];
}

function ask(listener: string, request: Case, remote = request.remote) {
  const client = clients.get(listener);
  if (client === undefined) throw new Error(`no listener ${listener}`);
  return client.request(request.method, request.path, request.host, headersOf(request, remote));
}

/** Over HTTP/2, to the same listener. */
function ask2(listener: string, request: Case): Promise<{ status: number; details: unknown }> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of headersOf(request, request.remote)) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  const { method, path, host } = request;
  return new Promise((resolve, reject) => {
    const session = sessions.get(listener);
    if (session === undefined) throw new Error(`no listener ${listener}`);
    const stream = session.request({ ':method': method, ':path': path, ':authority': host, ...headers });
    stream.once('response', (answer) => resolve({ status: answer[':status'] ?? 0, details: answer['x-details'] }));
    stream.once('error', reject);
    stream.resume();
  });
}

/** 200 from the upstream, 403 from the filter, 400 from Envoy itself. */
function statusOf({ allowed, malformed }: Case): number {
  if (malformed) return 400;
  return allowed ? 200 : 403;
}

describe('every case of cases.yaml in a real Envoy', () => {
  test.each(cases.map((request) => [request.what, request] as const))('%s', async (_, request) => {
    const response = await ask(`wasm ${request.source}`, request);
    expect(response.status).toBe(statusOf(request));
    if (response.status === 403) expect(response.headers.get('x-details')).toBe(request.details);
  });
});

describe('the same over HTTP/2', () => {
  test.each(cases.filter(({ malformed }) => !malformed).map((request) => [request.what, request] as const))(
    '%s',
    async (_, request) => {
      const { status, details } = await ask2(`wasm ${request.source}`, request);
      expect(status).toBe(statusOf(request));
      if (status === 403) expect(details).toBe(request.details);
    },
  );
});

describe('Envoy’s own RBAC filter agrees', () => {
  const comparable = cases.filter(({ source }) => known.includes(source));

  test.each(comparable.map((request) => [request.what, request] as const))('%s', async (_, request) => {
    // Envoy sees loopback where the filter is told the caller's address
    const remote = request.remote ?? config.sources[request.source]?.address;
    const response = await ask(`native ${request.source}`, request, remote);
    expect(response.status).toBe(statusOf(request));
    if (response.status !== 200) return;
    const shadow = ['deny', 'allow'].map((action) => response.headers.get(`x-shadow-${action}`) ?? '-');
    expect(shadow.includes('denied'), `shadow rules: ${shadow}`).toBe(request.shadow?.allowed === false);
  });
});

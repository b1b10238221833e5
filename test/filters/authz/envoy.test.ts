import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { ecdsFilter, TestEnvoy } from '../support/envoy.ts';
import { cluster, httpListener, virtualHost } from '../support/envoy-config.ts';
import { nativeFilters, nativeRoute } from '../support/native-rbac.ts';
import { RawClient } from '../support/raw-client.ts';
import { Upstream } from '../support/upstream.ts';
import { type Case, cases, configuration } from './cases.ts';

const config = configuration();
const destinations = Object.keys(config.destinations);
const known = Object.keys(config.sources);
const sources = [...new Set(cases.map(({ source }) => source))];
/** A name that leads to a destination. */
const hostOf = (destination: string): string => `${destination.split(':')[0]}.test`;

let upstream: Upstream;
let envoy: TestEnvoy;
const clients = new Map<string, RawClient>();

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
            filters: [ecdsFilter(dir, 'shunt.authz')],
            virtualHosts: destinations.map((name) => virtualHost(hostOf(name), name)),
          }),
        ),
        ...known.map((source) =>
          httpListener({
            name: `native ${source}`,
            filters: nativeFilters,
            virtualHosts: destinations.map((name) =>
              virtualHost(hostOf(name), name, nativeRoute(config, source, name)),
            ),
          }),
        ),
      ],
    }),
    { 'shunt.authz': wasmPlugin('authz', JSON.stringify(config)) },
  );
  for (const name of [...sources.map((source) => `wasm ${source}`), ...known.map((source) => `native ${source}`)]) {
    clients.set(name, new RawClient(await envoy.port(name)));
  }
});

afterAll(async () => {
  for (const client of clients.values()) client[Symbol.dispose]();
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

function ask(listener: string, method: string, path: string, destination: string) {
  const client = clients.get(listener);
  if (client === undefined) throw new Error(`no listener ${listener}`);
  return client.request(method, path, hostOf(destination));
}

/** 200 from the upstream, 403 from the filter, 400 from Envoy itself. */
function statusOf({ allowed, malformed }: Case): number {
  if (malformed) return 400;
  return allowed ? 200 : 403;
}

describe('every case of cases.yaml in a real Envoy', () => {
  test.each(cases)('$group: $source $method $path', async (request) => {
    const response = await ask(`wasm ${request.source}`, request.method, request.path, request.cluster);
    expect(response.status).toBe(statusOf(request));
    if (response.status === 403) expect(response.headers.get('x-details')).toBe(request.details);
  });
});

describe('Envoy’s own RBAC filter agrees', () => {
  const comparable = cases.filter(({ source }) => known.includes(source));

  test.each(comparable)('$group: $source $method $path', async (request) => {
    const response = await ask(`native ${request.source}`, request.method, request.path, request.cluster);
    expect(response.status).toBe(statusOf(request));
  });
});

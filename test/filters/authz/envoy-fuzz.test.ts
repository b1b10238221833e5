import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuthorizationPolicy } from '../../../src/config/model.ts';
import { clusterName, principalOf } from '../../../src/config/topology.ts';
import type { ResourceKey } from '../../../src/instance.ts';
import { evaluateRequest } from '../../../src/policy/evaluate.ts';
import { type AuthzConfiguration, l7Configuration } from '../../../src/policy/l7.ts';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { testTopology } from '../../support/topology.ts';
import { type Json, TestEnvoy } from '../support/envoy.ts';
import { claimsFilter, cluster, httpListener, routedHost } from '../support/envoy-config.ts';
import { nativeFilters, nativeRoute } from '../support/native-rbac.ts';
import { valueBytes } from '../support/protobuf-value.ts';
import { RawClient } from '../support/raw-client.ts';
import { Upstream } from '../support/upstream.ts';
import { asked, policies, type RandomRequest, request } from './arbitraries.ts';

const SEED = Date.now() % 2 ** 31;
const WORLDS = 60;
const REQUESTS = 170;
const WORKLOADS: ResourceKey[] = ['shop/web', 'ops/admin', 'shop/api'];
const CALLERS: ResourceKey[] = ['shop/web', 'ops/admin'];
const DESTINATION = clusterName('shop/api', 8080);

const bare = testTopology({ workloads: WORKLOADS });
const world = {
  principals: bare.model.workloads.map((workload) => principalOf(bare.model, workload)),
  namespaces: ['shop', 'ops'],
  ports: [8080],
};

/** What Envoy's HTTP/1 codec lets pass: to all else it answers 400 before any filter. There is no TLS, so no server name. */
const wellFormed = request
  .map((one) => ({ ...one, sni: undefined }))
  .filter(({ method, path }) => {
    return (
      ['GET', 'POST', 'PUT', 'DELETE', 'HEAD'].includes(method) &&
      path !== undefined &&
      /^[!-~]+$/.test(path) &&
      !path.includes('#')
    );
  });

/** Envoy's own filter ends Envoy at a template with an empty segment. */
function fitsNative(list: AuthorizationPolicy[]): boolean {
  return !/"[^"]*\/\/[^"]*\{|\{[^"]*\/\//.test(
    JSON.stringify(list.flatMap(({ rules }) => rules.flatMap(({ to }) => to))),
  );
}

/** Each world is a topology with policies of its own; in Envoy it is a cluster and a name that leads there. */
const worlds = fc
  .sample(policies(world, 'shop').filter(fitsNative), { numRuns: WORLDS, seed: SEED })
  .map((guards, index) => {
    const ports = [{ name: 'http', port: 8080, targetPort: 8080, protocol: 'http' as const }];
    const topology = testTopology({ workloads: WORKLOADS, services: [{ key: 'shop/api', ports }], policies: guards });
    return { topology, config: l7Configuration(topology), cluster: `w${index}` };
  });

/** All worlds in one configuration of the filter. */
function together(): AuthzConfiguration {
  const all = worlds.flatMap(({ config, cluster: name }) =>
    config.policies.map((policy) => ({ ...policy, name: `${name}/${policy.name}` })),
  );
  let first = 0;
  const destinations = worlds.map(({ config, cluster: name }) => {
    const own = config.destinations[DESTINATION] ?? { port: 8080, policies: [] };
    const moved = { ...own, policies: own.policies.map((index) => index + first) };
    first += config.policies.length;
    return [name, moved] as const;
  });
  return { sources: worlds[0]?.config.sources ?? {}, destinations: Object.fromEntries(destinations), policies: all };
}

function headersOf({ headers, claims }: RandomRequest, world: string, remote: string | undefined): [string, string][] {
  return [
    ...headers.map(([name, value]): [string, string] => [name, value]),
    ['x-destination', world],
    ...(remote === undefined ? [] : [['x-forwarded-for', remote] as [string, string]]),
    ...(claims === undefined ? [] : [['x-claims', valueBytes(claims).toString('base64')] as [string, string]]),
  ];
}

let upstream: Upstream;
let envoy: TestEnvoy;

beforeAll(async () => {
  upstream = await Upstream.start();
  const wasm: Json = {
    name: 'shunt.authz',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
      config: wasmPlugin('authz', JSON.stringify(together())) as Json,
    },
  };
  envoy = await TestEnvoy.start(() => ({
    clusters: worlds.map(({ cluster: name }) => cluster(name, upstream.port)),
    listeners: CALLERS.flatMap((source) => [
      httpListener({
        name: `wasm ${source}`,
        source,
        filters: [claimsFilter, wasm],
        virtualHosts: [routedHost(worlds.map(({ cluster: name }) => ({ name, cluster: name })))],
      }),
      httpListener({
        name: `native ${source}`,
        filters: [claimsFilter, ...nativeFilters],
        virtualHosts: [
          routedHost(
            worlds.map(({ cluster: name, config }) => ({
              name,
              cluster: name,
              perFilter: nativeRoute(config, source, DESTINATION),
            })),
          ),
        ],
      }),
    ]),
  }));
});

afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

test('the filter, Envoy’s own RBAC and the evaluator of src/policy agree on 20,000 random requests', async () => {
  const requests = fc.sample(wellFormed, { numRuns: REQUESTS, seed: SEED });
  let compared = 0;
  let denied = 0;
  const ask = async (source: ResourceKey): Promise<void> => {
    using wasm = new RawClient(await envoy.port(`wasm ${source}`));
    using native = new RawClient(await envoy.port(`native ${source}`));
    for (const { topology, cluster: name } of worlds) {
      const own = topology.workloadIps[source] ?? '';
      for (const wanted of requests) {
        const { method, path = '/', host, remote } = wanted;
        const [ours, theirs] = await Promise.all([
          wasm.request(method, path, host, headersOf(wanted, name, remote)),
          // Envoy sees loopback where the filter is told the caller's address
          native.request(method, path, host, headersOf(wanted, name, remote ?? own)),
        ]);
        const connection = { source, destination: 'shop/api' as ResourceKey, port: 8080 };
        const expected = evaluateRequest(topology, { ...connection, method, path, ...asked(wanted) });
        const what = `seed ${SEED}, ${name}: ${source} ${JSON.stringify(wanted)}: ${expected.reason}`;
        expect([ours.status, theirs.status], what).toEqual(expected.allowed ? [200, 200] : [403, 403]);
        compared++;
        if (!expected.allowed) denied++;
      }
    }
  };
  await Promise.all(CALLERS.map(ask));
  expect(compared).toBeGreaterThanOrEqual(20_000);
  expect(denied).toBeGreaterThan(compared / 20);
}, 240_000);

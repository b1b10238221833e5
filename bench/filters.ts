/**
 * What a policy costs in Envoy: CPU time per request of one worker without a filter, with Envoy's own RBAC filter, and with
 * the authz filter, for the same rules. The matching rule is the last one, which is the worst for a list. A WASM filter that
 * does nothing shows what of authz is the price of WASM.
 *
 * CPU time and not latency: it is what the filter adds, and the machine's other work does not show in it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthzConfiguration } from '../src/policy/l7.ts';
import { type Json, TestEnvoy } from '../test/filters/support/envoy.ts';
import { cluster, httpListener, virtualHost } from '../test/filters/support/envoy-config.ts';
import { nativeFilters, nativeRoute } from '../test/filters/support/native-rbac.ts';
import { authzFilter, authzModulePath } from './filters/authz-filter.ts';
import { cpuTimeNs } from './filters/cpu-time.ts';
import { emptyFilter } from './filters/empty-filter.ts';
import { http1Load, http2Load, type LoadOptions } from './filters/load.ts';
import type { Benchmark, BenchmarkOptions, Group, Measurement, Metric, Prepared } from './harness/benchmark.ts';

const RULE_COUNTS = [1, 100, 1000] as const;
const SOURCE = 'bench/client';
const DESTINATION = 'bench/server:8080';
const PATH = '/api/orders/17?page=2';
const CONCURRENCY = 8;

const METRICS: readonly Metric[] = [
  { name: 'CPU', unit: 'us/request', digits: 2 },
  { name: 'requests', unit: '1/s', digits: 0, compare: false },
];

export const benchmark: Benchmark = {
  summary: "CPU per request: no filter, Envoy's RBAC, authz; 1, 100 and 1,000 rules; HTTP/1.1 and HTTP/2",
  prepare,
};

async function prepare(options: BenchmarkOptions): Promise<Prepared> {
  await using undo = new AsyncDisposableStack();
  const dir = undo.adopt(mkdtempSync(join(tmpdir(), 'shunt-bench-filters-')), (path) =>
    rmSync(path, { recursive: true, force: true }),
  );
  const empty = emptyFilter(dir);
  const upstream = undo.use(await TestEnvoy.start(() => ({ listeners: [answering()], clusters: [] })));
  const port = await upstream.port('upstream');
  const envoy = undo.use(
    await TestEnvoy.start(() => ({ listeners: listeners(empty), clusters: [cluster(DESTINATION, port)] })),
  );
  const measure = async (listener: string, load: (options: LoadOptions) => Promise<number>): Promise<Measurement> => {
    const target = { port: await envoy.port(listener), path: PATH, concurrency: CONCURRENCY };
    await load({ ...target, durationMs: options.durationMs / 4 });
    const before = cpuTimeNs(envoy.pid);
    const requests = await load({ ...target, durationMs: options.durationMs });
    const cpu = (cpuTimeNs(envoy.pid) - before) / 1000 / requests;
    return { values: { CPU: cpu, requests: requests / (options.durationMs / 1000) } };
  };
  const protocols = { 'HTTP/1.1': http1Load, 'HTTP/2': http2Load } as const;
  const groups = Object.entries(protocols).flatMap(([protocol, load]) =>
    RULE_COUNTS.map(
      (count): Group => ({
        name: `${protocol}, ${count} rule${count === 1 ? '' : 's'}`,
        metrics: METRICS,
        added: { metric: 'CPU', reference: 'RBAC' },
        variants: [
          { name: 'no filter', measure: () => measure('none', load) },
          { name: 'RBAC', measure: () => measure(`rbac-${count}`, load) },
          ...(count === 1 ? [{ name: 'empty WASM', measure: () => measure('empty', load) }] : []),
          { name: 'authz', measure: () => measure(`authz-${count}`, load) },
        ],
      }),
    ),
  );
  const owned = undo.move();
  return {
    groups,
    settings: { concurrency: CONCURRENCY, path: PATH, module: authzModulePath },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** `count` rules, of which the last one matches. */
function configuration(count: number): AuthzConfiguration {
  const others = Array.from({ length: count - 1 }, (_, index) => ({
    to: [{ methods: ['GET'], paths: [`/service-${index}/items/*`] }],
  }));
  return {
    sources: { [SOURCE]: { principal: 'cluster.local/ns/bench/sa/client', namespace: 'bench' } },
    destinations: { [DESTINATION]: { port: 8080, policies: [0] } },
    policies: [
      { name: 'bench/allow', action: 'ALLOW', rules: [...others, { to: [{ methods: ['GET'], paths: ['/api/*'] }] }] },
    ],
  };
}

function listeners(empty: Json): Json[] {
  const listener = (name: string, filters: readonly Json[], perRoute: Record<string, Json> = {}): Json =>
    httpListener({ name, source: SOURCE, filters, virtualHosts: [virtualHost('*', DESTINATION, perRoute)] });
  return [
    listener('none', []),
    listener('empty', [empty]),
    ...RULE_COUNTS.flatMap((count) => {
      const rules = configuration(count);
      return [
        listener(`rbac-${count}`, nativeFilters, nativeRoute(rules, SOURCE, DESTINATION)),
        listener(`authz-${count}`, [authzFilter(`authz-${count}`, rules)]),
      ];
    }),
  ];
}

/** Answers by itself: the upstream's work is not part of the measurement, and must not be the bottleneck. */
function answering(): Json {
  const route = { match: { prefix: '' }, direct_response: { status: 200, body: { inline_string: 'ok' } } };
  return httpListener({
    name: 'upstream',
    filters: [],
    virtualHosts: [{ name: 'all', domains: ['*'], routes: [route] }],
  });
}

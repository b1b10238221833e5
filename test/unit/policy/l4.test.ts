import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ResourceKey } from '../../../src/instance.ts';
import { evaluateConnection } from '../../../src/policy/evaluate.ts';
import { l4Verdicts } from '../../../src/policy/l4.ts';
import { policy, shop } from './shop.ts';

const SQL = '10.200.0.1:82';
const CACHE = '10.200.0.2:6379';

/** `ip:port` of all that a workload may connect to, Services by their address, workloads by their key. */
function reached(source: ResourceKey, ...policies: string[]): string[] {
  const topology = shop(...policies);
  const names = new Map(Object.entries(topology.workloadIps).map(([key, ip]) => [ip, key]));
  return l4Verdicts(topology)
    .filter((verdict) => verdict.source === source)
    .map(({ destination: { ip, port } }) => `${names.get(ip) ?? ip}:${port}`)
    .sort();
}

const everything = [SQL, CACHE, 'shop/api:5432', 'shop/cache-0:6379', 'shop/cache-1:6379'];
const sql = [SQL, 'shop/api:5432'];
const caches = [CACHE, 'shop/cache-0:6379', 'shop/cache-1:6379'];

describe('shop/web may connect to', () => {
  const cache = 'selector: {matchLabels: {app: cache}}';
  test.each<[what: string, policies: string[], reached: string[]]>([
    ['every TCP destination, and no HTTP one, without policies', [], everything],
    ['nothing with an ALLOW policy without rules', [policy('{}')], []],
    ['everything with one that allows all', [policy('{rules: [{}]}')], everything],
    ['all but what a selector guards', [policy(`{${cache}}`)], sql],
    [
      'what its principal is allowed',
      [policy(`{${cache}, rules: [{from: [{source: {principals: ["*/sa/web"]}}]}]}`)],
      everything,
    ],
    [
      'not what others are allowed',
      [policy(`{${cache}, rules: [{from: [{source: {principals: ["*/sa/api"]}}]}]}`)],
      sql,
    ],
    [
      'what its namespace is allowed',
      [policy(`{${cache}, rules: [{from: [{source: {namespaces: [sh*]}}]}]}`)],
      everything,
    ],
    [
      'not what another namespace is allowed',
      [policy(`{${cache}, rules: [{from: [{source: {namespaces: [tools]}}]}]}`)],
      sql,
    ],
    ['what a port of the workload allows', [policy('{rules: [{to: [{operation: {ports: ["6379"]}}]}]}')], caches],
    ['not what a port of the Service allows', [policy('{rules: [{to: [{operation: {ports: ["82"]}}]}]}')], []],
    ['nothing when DENY matches everyone', [policy('{action: DENY, rules: [{}]}')], []],
    [
      'what DENY does not name',
      [policy('{action: DENY, rules: [{from: [{source: {namespaces: [tools]}}]}]}')],
      everything,
    ],
    ['not a port that DENY names', [policy('{action: DENY, rules: [{to: [{operation: {ports: ["5432"]}}]}]}')], caches],
    ['nothing by an ALLOW rule with methods', [policy('{rules: [{to: [{operation: {methods: ["*"]}}]}]}')], []],
    ['nothing by an ALLOW rule with paths', [policy('{rules: [{to: [{operation: {paths: ["*"]}}]}]}')], []],
    [
      'nothing by an ALLOW rule of which one operation has methods',
      [policy('{rules: [{to: [{operation: {ports: ["6379"]}}, {operation: {methods: [GET]}}]}]}')],
      [],
    ],
    [
      'what another rule of that policy allows',
      [policy('{rules: [{to: [{operation: {methods: [GET]}}]}, {to: [{operation: {ports: ["6379"]}}]}]}')],
      caches,
    ],
    [
      'nothing when DENY has methods: they are ignored',
      [policy('{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}')],
      [],
    ],
    [
      'not a port that DENY names beside paths',
      [policy('{action: DENY, rules: [{to: [{operation: {paths: [/x], ports: ["6379"]}}]}]}')],
      sql,
    ],
    [
      'nothing when ALLOW and DENY match',
      [policy('{rules: [{}]}', 'a'), policy('{action: DENY, rules: [{}]}', 'd')],
      [],
    ],
    ['nothing when the root namespace denies', [policy('{action: DENY, rules: [{}]}', 'p', 'istio-system')], []],
    ['everything when another namespace denies', [policy('{action: DENY, rules: [{}]}', 'p', 'tools')], everything],
    [
      'the endpoint that is not denied, but not the Service of both',
      [policy('{selector: {matchLabels: {shard: "1"}}, action: DENY, rules: [{}]}')],
      [...sql, 'shop/cache-0:6379'],
    ],
    [
      'the endpoint that is allowed, but not the Service of both',
      [policy('{selector: {matchLabels: {shard: "1"}}}')],
      [...sql, 'shop/cache-0:6379'],
    ],
  ])('%s', (_, policies, expected) => {
    expect(reached('shop/web', ...policies)).toEqual([...expected].sort());
  });
});

test('each workload is judged by its own identity', () => {
  const only = policy(
    '{selector: {matchLabels: {app: cache}}, rules: [{from: [{source: {principals: ["*/sa/web"]}}]}]}',
  );
  expect(reached('shop/web', only)).toContain(CACHE);
  expect(reached('shop/api', only)).not.toContain(CACHE);
  expect(reached('tools/probe', only)).toEqual(sql);
});

test('agrees with the evaluator for every caller and endpoint', () => {
  const pattern = fc.constantFrom('*', 'shop', 'tools', 't*', '*op', 'x');
  const principal = fc.constantFrom(
    '*',
    '*/sa/web',
    'cluster.local/ns/shop/*',
    'cluster.local/ns/tools/sa/prober',
    'x',
  );
  const some = <T>(values: fc.Arbitrary<T>) => fc.array(values, { minLength: 1, maxLength: 2 });
  const filled = (field: object) => Object.keys(field).length > 0;
  const source = fc
    .record({ principals: some(principal), namespaces: some(pattern) }, { requiredKeys: [] })
    .filter(filled);
  const operation = fc
    .record(
      {
        methods: some(fc.constant('GET')),
        paths: some(fc.constant('/x')),
        ports: some(fc.constantFrom('6379', '5432')),
      },
      { requiredKeys: [] },
    )
    .filter(filled);
  const rule = fc.record(
    { from: some(source.map((s) => ({ source: s }))), to: some(operation.map((o) => ({ operation: o }))) },
    { requiredKeys: [] },
  );
  const spec = fc.record({
    action: fc.constantFrom('ALLOW', 'DENY'),
    selector: fc.constantFrom({ matchLabels: {} }, { matchLabels: { app: 'cache' } }, { matchLabels: { shard: '1' } }),
    rules: some(rule),
  });
  fc.assert(
    fc.property(fc.array(spec, { maxLength: 3 }), (specs) => {
      const topology = shop(...specs.map((value, index) => policy(JSON.stringify(value), `p${index}`)));
      const verdicts = new Set(
        l4Verdicts(topology).map(({ source, destination: { ip, port } }) => `${source} ${ip}:${port}`),
      );
      for (const { key: caller } of topology.model.workloads) {
        const allowed = (destination: ResourceKey, port: number) =>
          evaluateConnection(topology, { source: caller, destination, port }).allowed;
        for (const [key, port] of [
          ['shop/api', 5432],
          ['shop/cache-0', 6379],
          ['shop/cache-1', 6379],
        ] as const) {
          expect(verdicts.has(`${caller} ${topology.workloadIps[key]}:${port}`)).toBe(allowed(key, port));
        }
        expect(verdicts.has(`${caller} ${SQL}`)).toBe(allowed('shop/api', 5432));
        expect(verdicts.has(`${caller} ${CACHE}`)).toBe(allowed('shop/cache-0', 6379) && allowed('shop/cache-1', 6379));
      }
    }),
    { numRuns: 200 },
  );
});

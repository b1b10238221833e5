import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Topology } from '../../../src/config/topology.ts';
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
  // workloads are 10.77.0.2 to 10.77.0.6
  const block = fc.constantFrom(
    '10.77.0.2',
    '10.77.0.4/31',
    '10.77.0.0/16',
    '0.0.0.0/0',
    '10.77.0.6/32',
    'fd00::/8',
    '::/0',
  );
  const source = fc
    .record(
      {
        principals: some(principal),
        notPrincipals: some(principal),
        namespaces: some(pattern),
        notNamespaces: some(pattern),
        ipBlocks: some(block),
        notIpBlocks: some(block),
        remoteIpBlocks: some(block),
        notRemoteIpBlocks: some(block),
        requestPrincipals: some(fc.constant('*')),
        notRequestPrincipals: some(fc.constant('i/s')),
      },
      { requiredKeys: [] },
    )
    .filter(filled);
  const operation = fc
    .record(
      {
        methods: some(fc.constant('GET')),
        paths: some(fc.constant('/x')),
        ports: some(fc.constantFrom('6379', '5432')),
        hosts: some(fc.constant('cache')),
        notHosts: some(fc.constant('*')),
        notMethods: some(fc.constant('GET')),
        notPaths: some(fc.constant('/x')),
        notPorts: some(fc.constantFrom('6379', '5432')),
      },
      { requiredKeys: [] },
    )
    .filter(filled)
    // most rules ask for nothing that only a request has: else hardly any would match
    .map((one) => one as Record<string, string[]>);
  const mostlyTcp = fc
    .tuple(operation, fc.nat(3))
    .map(([one, dice]) => (dice === 0 ? one : onlyPorts(one)))
    .filter(filled);
  const condition = fc
    .record(
      {
        key: fc.constantFrom('source.principal', 'source.namespace', 'source.ip', 'remote.ip', 'destination.ip'),
        values: some(fc.oneof(principal, pattern, block)),
        notValues: some(fc.oneof(principal, pattern, block)),
      },
      { requiredKeys: ['key'] },
    )
    .map(({ key, ...lists }) => ({ key, ...fitting(key, lists) }))
    .filter(({ values, notValues }) => (values ?? notValues) !== undefined);
  const onlyHttp = fc.constantFrom(
    { key: 'connection.sni', values: ['a'] },
    { key: 'request.headers[a]', notValues: ['*'] },
    { key: 'request.auth.claims[a]', values: ['*'] },
  );
  const port = some(fc.constantFrom('6379', '5432')).map((values) => ({ key: 'destination.port', values }));
  const when = fc.oneof(
    { weight: 6, arbitrary: condition },
    { weight: 2, arbitrary: port },
    { weight: 1, arbitrary: onlyHttp },
  );
  const rule = fc.record(
    {
      from: some(source.map((s) => ({ source: s }))),
      to: some(mostlyTcp.map((o) => ({ operation: o }))),
      when: some(when),
    },
    { requiredKeys: [] },
  );
  const spec = fc.record({
    action: fc.constantFrom('ALLOW', 'ALLOW', 'DENY', 'DENY', 'AUDIT'),
    selector: fc.constantFrom({ matchLabels: {} }, { matchLabels: { app: 'cache' } }, { matchLabels: { shard: '1' } }),
    rules: some(rule),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(spec, fc.nat(5)), { maxLength: 3 }), (specs) => {
      const placed = shop(
        ...specs.map(([value, dice], index) => {
          const dry = dice === 0 && value.action !== 'AUDIT' ? ', annotations: {istio.io/dry-run: "true"}' : '';
          return policy(JSON.stringify(value), `p${index}${dry}`);
        }),
      );
      const workloadIps = Object.fromEntries(
        Object.keys(placed.workloadIps).map((key, index) => [key, `10.77.0.${index + 2}`]),
      );
      const topology = { ...placed, workloadIps } as Topology;
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
    { numRuns: 400 },
  );
});

function onlyPorts({ ports, notPorts }: Record<string, string[]>): Record<string, string[]> {
  return { ...(ports === undefined ? {} : { ports }), ...(notPorts === undefined ? {} : { notPorts }) };
}

/** The values that a key takes. */
function fitting(key: string, lists: { values?: string[]; notValues?: string[] }): typeof lists {
  const isBlock = (value: string): boolean => /^[0-9a-f.:/]+$/.test(value) && /[.:]/.test(value);
  const fits = (value: string): boolean => {
    if (key.endsWith('.ip')) return isBlock(value);
    return key === 'source.namespace' ? /^[a-z*]+$/.test(value) : !isBlock(value);
  };
  const kept = Object.entries(lists).map(([name, values]) => [name, values.filter(fits)] as const);
  return Object.fromEntries(kept.filter(([, values]) => values.length > 0));
}

test.each<[what: string, spec: string, expected: string[]]>([
  ['what its address is allowed', '{rules: [{from: [{source: {ipBlocks: [WEB]}}]}]}', everything],
  ['what not its address is allowed', '{rules: [{from: [{source: {notIpBlocks: [WEB/32]}}]}]}', []],
  [
    'nothing when its remote address, which is its own, is denied',
    '{action: DENY, rules: [{from: [{source: {remoteIpBlocks: [WEB]}}]}]}',
    [],
  ],
  ['nothing of a principal that is not its own', '{rules: [{from: [{source: {notPrincipals: ["*/sa/web"]}}]}]}', []],
  ['what another port is not', '{rules: [{to: [{operation: {notPorts: ["5432"]}}]}]}', caches],
  [
    'what a condition of its namespace allows',
    '{rules: [{when: [{key: source.namespace, values: [shop]}]}]}',
    everything,
  ],
  ['what a condition of the port allows', '{rules: [{when: [{key: destination.port, notValues: ["6379"]}]}]}', sql],
  ['nothing by an ALLOW rule with a header', '{rules: [{when: [{key: "request.headers[a]", notValues: ["*"]}]}]}', []],
  ['nothing by an ALLOW rule with a server name', '{rules: [{when: [{key: connection.sni, notValues: [a]}]}]}', []],
  [
    'nothing by an ALLOW rule of which one source has a token',
    '{rules: [{from: [{source: {namespaces: [shop]}}, {source: {requestPrincipals: ["*"]}}]}]}',
    [],
  ],
  [
    'nothing when DENY has a token: it is ignored',
    '{action: DENY, rules: [{from: [{source: {requestPrincipals: ["i/s"]}}]}]}',
    [],
  ],
  [
    'nothing when DENY has notMethods: they are ignored',
    '{action: DENY, rules: [{to: [{operation: {notMethods: [GET]}}]}]}',
    [],
  ],
  [
    'not the port that DENY names beside a server name',
    '{action: DENY, rules: [{to: [{operation: {ports: ["6379"]}}], when: [{key: connection.sni, values: [a]}]}]}',
    sql,
  ],
  ['everything when AUDIT matches', '{action: AUDIT, rules: [{}]}', everything],
])('shop/web may connect to %s', (_, spec, expected) => {
  const web = shop().workloadIps['shop/web'] ?? '';
  expect(reached('shop/web', policy(spec.replaceAll('WEB', web)))).toEqual([...expected].sort());
});

test('a dry run of a policy decides nothing', () => {
  const dry = policy('{}', 'dry, annotations: {istio.io/dry-run: "true"}');
  expect(reached('shop/web', dry)).toEqual(everything);
  expect(reached('shop/web', dry, policy('{rules: [{to: [{operation: {ports: ["5432"]}}]}]}'))).toEqual(
    [...sql].sort(),
  );
});

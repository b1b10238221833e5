import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AuthorizationPolicy } from '../../../src/config/model.ts';
import { clusterName, principalOf } from '../../../src/config/topology.ts';
import type { ResourceKey } from '../../../src/instance.ts';
import { type Decision, evaluateRequest } from '../../../src/policy/evaluate.ts';
import { l7Configuration } from '../../../src/policy/l7.ts';
import { testTopology } from '../../support/topology.ts';
import { ask, load, newHost } from '../support/authz.ts';
import { asked, policies, request } from './arbitraries.ts';

const WORKLOADS: ResourceKey[] = ['shop/web', 'shop/api', 'ops/admin', 'ops/web', 'batch-jobs/web2'];
const PORTS = [8080, 9090];
const bare = testTopology({ workloads: WORKLOADS });
const world = {
  principals: bare.model.workloads.map((workload) => principalOf(bare.model, workload)),
  namespaces: ['shop', 'ops', 'batch-jobs'],
  ports: PORTS,
};

/** Everyone may be called on two ports; the policies guard the namespace `shop`. */
function topologyOf(guards: AuthorizationPolicy[]) {
  const ports = PORTS.map((port) => ({ name: `http-${port}`, port, targetPort: port, protocol: 'http' as const }));
  const services = [{ key: 'shop/api' as ResourceKey, ports }];
  return testTopology({ workloads: WORKLOADS, services, policies: guards });
}

/** UTF-8, one character a byte. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1');

/** What audits and dry runs count. */
function countersOf({ shadow, audited = [] }: Decision): string[] {
  const names = audited.map((policy) => `shunt_authz.policy.${policy}.audited`);
  if (shadow === undefined) return names;
  const outcome = shadow.allowed ? 'shadow_allowed' : 'shadow_denied';
  const policy = shadow.policy === undefined ? [] : [`shunt_authz.policy.${shadow.policy}.${outcome}`];
  return [...names, `shunt_authz.${outcome}`, ...policy];
}

const requests = fc.array(
  fc.record({
    source: fc.constantFrom(...WORKLOADS, 'shop/stranger' as ResourceKey),
    port: fc.constantFrom(...PORTS, 1),
    request,
  }),
  { minLength: 50, maxLength: 50 },
);

describe('random policies and requests', () => {
  test('the filter and the evaluator of src/policy agree in 25,000 pairs', () => {
    let pairs = 0;
    let denials = 0;
    let shadows = 0;
    let audits = 0;
    fc.assert(
      fc.property(policies(world, 'shop'), requests, (guards, list) => {
        const topology = topologyOf(guards);
        const host = newHost();
        const plugin = load(l7Configuration(topology), host);
        const counted = new Map<string, number>();
        for (const { source, port, request: wanted } of list) {
          const { method, path, host: named, headers, remote, sni, claims } = wanted;
          const connection = { source, destination: 'shop/api' as ResourceKey, port, method, ...asked(wanted) };
          const expected = evaluateRequest(topology, path === undefined ? connection : { ...connection, path });
          const from = remote ?? '127.0.0.1';
          const verdict = ask(plugin, {
            source,
            cluster: clusterName('shop/api', port),
            method,
            host: named,
            headers: headers.map(([name, value]) => [name, bytes(value)] as const),
            remote: from.includes(':') ? `[${from}]` : from,
            sni: sni ?? '',
            ...(claims === undefined ? {} : { claims }),
            ...(path === undefined ? {} : { path: bytes(path) }),
          });
          const what = `${source} ${JSON.stringify(wanted)} ${port}: ${expected.reason}; filter: ${verdict.reply?.details}`;
          for (const name of countersOf(expected)) counted.set(name, (counted.get(name) ?? 0) + 1);
          expect(verdict.allowed, what).toBe(expected.allowed);
          if (!expected.allowed && expected.policy !== undefined) {
            expect(verdict.reply?.details, what).toBe(`shunt_denied[${expected.policy}]`);
          }
          pairs++;
          if (!expected.allowed) denials++;
          if (expected.shadow !== undefined) shadows++;
          audits += expected.audited?.length ?? 0;
        }
        const values = host.metrics.names().map((name) => [name, Number(host.metrics.value(name))] as const);
        const observed = values.filter(([name, value]) => value > 0 && /shadow|audited/.test(name));
        expect(Object.fromEntries(observed)).toEqual(Object.fromEntries(counted));
      }),
      { numRuns: 500 },
    );
    expect(pairs).toBeGreaterThanOrEqual(25_000);
    expect(denials).toBeGreaterThan(pairs / 20);
    expect(denials).toBeLessThan((pairs * 19) / 20);
    expect(shadows).toBeGreaterThan(pairs / 20);
    expect(audits).toBeGreaterThan(pairs / 100);
  });
});

describe('random bytes', () => {
  test('never trap: paths, methods, sources, clusters, repeated headers', () => {
    const configuration = {
      sources: { a: { principal: 'p', namespace: 'n' }, '\xe9': { principal: 'é', namespace: 'n' } },
      destinations: { c: { port: 1, policies: [0, 1] } },
      policies: [
        {
          name: 'd',
          action: 'DENY',
          rules: [{ to: [{ paths: ['/x*', '*y', '/{*}/z', '/{**}/q'], methods: ['P*', '*T'] }] }],
        },
        { name: 'a', action: 'ALLOW', rules: [{ from: [{ principals: ['p'] }] }] },
      ],
    };
    const plugin = load(configuration);
    const text = fc.string({ unit: fc.nat(255).map((byte) => String.fromCharCode(byte)), maxLength: 40 });
    const piece = fc.oneof(text, fc.constantFrom('a', 'c', '/x', '/', 'y', '/z', '?', '#', '{*}', '*', ''));
    const field = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));
    const maybe = fc.option(field, { nil: undefined });
    const anything = fc.record({
      source: fc.oneof(fc.constant('a'), maybe),
      cluster: fc.oneof(fc.constant('c'), maybe),
      method: maybe,
      path: maybe,
      headers: fc.array(fc.tuple(field, field), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(anything, ({ source, cluster, method, path, headers }) => {
        const verdict = ask(plugin, {
          headers,
          ...(source === undefined ? {} : { source }),
          ...(cluster === undefined ? {} : { cluster }),
          ...(method === undefined ? {} : { method }),
          ...(path === undefined ? {} : { path }),
        });
        if (source !== 'a' && source !== '\xc3\xa9') expect(verdict.allowed).toBe(false);
        if (cluster !== 'c') expect(verdict.allowed).toBe(false);
        expect(plugin.vm().failure).toBeUndefined();
      }),
      { numRuns: 20_000 },
    );
  });
});

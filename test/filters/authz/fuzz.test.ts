import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AuthorizationPolicy } from '../../../src/config/model.ts';
import { clusterName, principalOf } from '../../../src/config/topology.ts';
import type { ResourceKey } from '../../../src/instance.ts';
import { evaluateRequest } from '../../../src/policy/evaluate.ts';
import { l7Configuration } from '../../../src/policy/l7.ts';
import { testTopology } from '../../support/topology.ts';
import { ask, load } from '../support/authz.ts';
import { policies, request } from './arbitraries.ts';

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

const asked = fc.array(
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
    fc.assert(
      fc.property(policies(world, 'shop'), asked, (guards, list) => {
        const topology = topologyOf(guards);
        const plugin = load(l7Configuration(topology));
        for (const { source, port, request: wanted } of list) {
          const { method, path } = wanted;
          const connection = { source, destination: 'shop/api' as ResourceKey, port, method };
          const expected = evaluateRequest(topology, path === undefined ? connection : { ...connection, path });
          const verdict = ask(plugin, {
            source,
            cluster: clusterName('shop/api', port),
            method,
            ...(path === undefined ? {} : { path: bytes(path) }),
          });
          const what = `${source} ${method} ${path} ${port}: ${expected.reason}; filter: ${verdict.reply?.details}`;
          expect(verdict.allowed, what).toBe(expected.allowed);
          if (!expected.allowed && expected.policy !== undefined) {
            expect(verdict.reply?.details, what).toBe(`shunt_denied[${expected.policy}]`);
          }
          pairs++;
          if (!expected.allowed) denials++;
        }
      }),
      { numRuns: 500 },
    );
    expect(pairs).toBeGreaterThanOrEqual(25_000);
    expect(denials).toBeGreaterThan(pairs / 20);
    expect(denials).toBeLessThan((pairs * 19) / 20);
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

/** The cases of the authz filter, put to the evaluator: the two are written apart and must agree. */
import { describe, expect, test } from 'vitest';
import { ROOT_NAMESPACE } from '../../../src/config/applies.ts';
import { DEFAULT_MESH } from '../../../src/config/kinds/mesh.ts';
import type { AuthorizationPolicy, Workload } from '../../../src/config/model.ts';
import { placeTopology } from '../../../src/config/placement.ts';
import type { Topology } from '../../../src/config/topology.ts';
import type { ResourceKey } from '../../../src/instance.ts';
import { evaluateRequest } from '../../../src/policy/evaluate.ts';
import { type AuthzPolicy, l7Configuration } from '../../../src/policy/l7.ts';
import { cases, configuration, LOOPBACK } from '../../filters/authz/cases.ts';

const config = configuration();

function workload(namespace: string, name: string, serviceAccount: string): Workload {
  return { key: `${namespace}/${name}`, name, namespace, labels: { name }, serviceAccount, fastPath: 'auto' };
}

function policy({ name, action, dryRun, rules }: AuthzPolicy): AuthorizationPolicy {
  return {
    key: name as ResourceKey,
    name,
    namespace: ROOT_NAMESPACE,
    action,
    ...(dryRun === undefined ? {} : { dryRun }),
    rules: rules.map(({ from = [], to = [], when = [] }) => ({ from, to, when })),
  };
}

/** One caller (with its trust domain, of which a mesh has one) and one destination, guarded as that of the case. */
function topologyOf(source: string, cluster: string): Topology {
  const { port = 0, policies = [] } = config.destinations[cluster] ?? {};
  const target = workload('called', 'called', 'default');
  const caller = config.sources[source];
  const [trustDomain = '', , , , serviceAccount = ''] = caller?.principal.split('/') ?? [];
  const callers = caller === undefined ? [] : [workload(caller.namespace, source, serviceAccount)];
  const ports = [{ name: 'http', port: 80, targetPort: port, protocol: 'http' as const }];
  const service = {
    key: 'called/called',
    name: 'called',
    namespace: 'called',
    selector: target.labels,
    ports,
  } as const;
  const model = {
    mesh: { ...DEFAULT_MESH, trustDomain },
    workloads: [...callers, target],
    services: [service],
    policies: policies.map((index) => policy(config.policies[index] as AuthzPolicy)),
    plugins: [],
  };
  const addresses = {
    ...Object.fromEntries(callers.map(({ key }) => [key, caller?.address ?? LOOPBACK])),
    'called/called': config.destinations[cluster]?.address ?? LOOPBACK,
  };
  return { ...placeTopology(model, undefined, { instance: 'default', busyCidrs: [] }), workloadIps: addresses };
}

const ofGroup = Map.groupBy(cases, ({ group }) => group);

describe('the evaluator decides as the filter:', () => {
  test.each([...ofGroup])('%s', (_, requests) => {
    for (const { cluster, source, method, path, host, headers, remote, sni, claims, ...expected } of requests) {
      const topology = topologyOf(source, cluster);
      const destination = config.destinations[cluster];
      const known = config.sources[source];
      const decision = evaluateRequest(topology, {
        source: `${known?.namespace ?? 'nowhere'}/${source}`,
        destination: 'called/called',
        port: destination?.port ?? 0,
        method,
        path: Buffer.from(path, 'latin1').toString('utf8'),
        host,
        headers,
        ...(remote === undefined ? {} : { remoteIp: remote }),
        ...(sni === undefined ? {} : { sni }),
        ...(claims === undefined ? {} : { claims }),
      });
      const { by, what, shadow, audited } = expected;
      const policyOf = (name: string | undefined): string | undefined => (name?.includes('/') ? name : undefined);
      expect(decision.allowed, `${what}: ${decision.reason}`).toBe(expected.allowed);
      expect(decision.policy, what).toBe(policyOf(by));
      expect(decision.shadow?.allowed, what).toBe(shadow?.allowed);
      expect(decision.shadow?.policy, what).toBe(policyOf(shadow?.by));
      expect(decision.audited ?? [], what).toEqual(audited);
      // what the filter is given for this topology says the same of the caller and of the policies
      const given = l7Configuration(topology);
      if (known !== undefined) expect(given.sources[`${known.namespace}/${source}`]).toMatchObject(known);
      expect(given.policies).toEqual(destination?.policies.map((index) => config.policies[index]));
    }
  });
});

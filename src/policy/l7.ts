/** Topology -> configuration of the authz filter, as docs/architecture.md defines it. Pure. */
import type { AuthorizationPolicy, PolicyOperation, PolicySource } from '../config/model.ts';
import { clusterName, endpointsOf, principalOf, type Topology } from '../config/topology.ts';
import { applies } from './applies.ts';

/** One configuration for the node. A list that is absent matches anything; none is empty but `policies` and `rules`. */
export interface AuthzConfiguration {
  /** Where the caller's identity is: the listener's metadata (default), or the client's certificate; then no `sources`. */
  readonly identity?: 'listener' | 'mtls';
  /** Keyed by workload. */
  readonly sources: Readonly<Record<string, { readonly principal: string; readonly namespace: string }>>;
  /** Keyed by cluster, that is by workload and port. */
  readonly destinations: Readonly<Record<string, AuthzDestination>>;
  readonly policies: readonly AuthzPolicy[];
}

export interface AuthzDestination {
  readonly port: number;
  /** Indices in `policies`, rising. */
  readonly policies: readonly number[];
}

export interface AuthzPolicy {
  /** `namespace/name`. */
  readonly name: string;
  readonly action: 'ALLOW' | 'DENY';
  readonly rules: readonly AuthzRule[];
}

export interface AuthzRule {
  readonly from?: readonly PolicySource[];
  readonly to?: readonly PolicyOperation[];
}

/** Equal topologies give equal JSON. Destinations are the ports that a Service serves as HTTP; all policies are listed. */
export function l7Configuration({ model }: Pick<Topology, 'model'>): AuthzConfiguration {
  const destinations = new Map<string, AuthzDestination>();
  for (const service of model.services) {
    for (const port of service.ports.filter(({ protocol }) => protocol !== 'tcp')) {
      for (const { workload, targetPort } of endpointsOf(model, service, port)) {
        const policies = model.policies.flatMap((policy, index) => (applies(policy, workload) ? [index] : []));
        destinations.set(clusterName(workload.key, targetPort), { port: targetPort, policies });
      }
    }
  }
  return {
    sources: Object.fromEntries(
      model.workloads.map((workload) => [
        workload.key,
        { principal: principalOf(model, workload), namespace: workload.namespace },
      ]),
    ),
    destinations: Object.fromEntries([...destinations].sort(([a], [b]) => (a < b ? -1 : 1))),
    policies: model.policies.map(authzPolicy),
  };
}

function authzPolicy({ key, action, rules }: AuthorizationPolicy): AuthzPolicy {
  return {
    name: key,
    action,
    rules: rules.map(({ from, to }) => ({
      ...(from.length === 0 ? {} : { from }),
      ...(to.length === 0 ? {} : { to }),
    })),
  };
}

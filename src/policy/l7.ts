/** Topology -> configuration of the authz filter, as docs/architecture.md defines it. Pure. */
import type { AuthorizationPolicy, PolicyCondition, PolicyOperation, PolicySource, Workload } from '../config/model.ts';
import { clusterName, endpointsOf, principalOf, type Topology } from '../config/topology.ts';
import { applies } from './applies.ts';

/** One configuration for the node. A list that is absent matches anything; none is empty but `policies` and `rules`. */
export interface AuthzConfiguration {
  /** Where the caller's identity is: the listener's metadata (default), or the client's certificate; then no `sources`. */
  readonly identity?: 'listener' | 'mtls';
  /** Keyed by workload. */
  readonly sources: Readonly<Record<string, AuthzSource>>;
  /** Keyed by cluster, that is by workload and port. */
  readonly destinations: Readonly<Record<string, AuthzDestination>>;
  readonly policies: readonly AuthzPolicy[];
}

export interface AuthzSource {
  readonly principal: string;
  readonly namespace: string;
  /** The caller's IP. Absent: that of the connection's peer. */
  readonly address?: string;
}

export interface AuthzDestination {
  readonly port: number;
  /** Its IP. Absent: the one that the connection was made to. */
  readonly address?: string;
  /** Indices in `policies`, rising. */
  readonly policies: readonly number[];
}

export interface AuthzPolicy {
  /** `namespace/name`. */
  readonly name: string;
  readonly action: AuthorizationPolicy['action'];
  /** Counted, not enforced. */
  readonly dryRun?: true;
  readonly rules: readonly AuthzRule[];
}

export interface AuthzRule {
  readonly from?: readonly PolicySource[];
  readonly to?: readonly PolicyOperation[];
  readonly when?: readonly PolicyCondition[];
}

/**
 * Equal topologies give equal JSON. Destinations are the ports that a Service serves as HTTP; all policies are listed.
 * `workloadIps`: absent where the proxy sees the addresses of callers itself.
 */
export function l7Configuration({
  model,
  workloadIps = {},
}: Pick<Topology, 'model'> & Partial<Pick<Topology, 'workloadIps'>>): AuthzConfiguration {
  const addressOf = ({ key }: Workload): { address?: string } => {
    const address = workloadIps[key];
    return address === undefined ? {} : { address };
  };
  const destinations = new Map<string, AuthzDestination>();
  for (const service of model.services) {
    for (const port of service.ports.filter(({ protocol }) => protocol !== 'tcp')) {
      for (const { workload, targetPort } of endpointsOf(model, service, port)) {
        const policies = model.policies.flatMap((policy, index) => (applies(policy, workload) ? [index] : []));
        destinations.set(clusterName(workload.key, targetPort), {
          port: targetPort,
          ...addressOf(workload),
          policies,
        });
      }
    }
  }
  return {
    sources: Object.fromEntries(
      model.workloads.map((workload) => [
        workload.key,
        { principal: principalOf(model, workload), namespace: workload.namespace, ...addressOf(workload) },
      ]),
    ),
    destinations: Object.fromEntries([...destinations].sort(([a], [b]) => (a < b ? -1 : 1))),
    policies: model.policies.map(authzPolicy),
  };
}

function authzPolicy({ key, action, dryRun, rules }: AuthorizationPolicy): AuthzPolicy {
  return {
    name: key,
    action,
    ...(dryRun === undefined ? {} : { dryRun }),
    rules: rules.map(({ from, to, when = [] }) => ({
      ...(from.length === 0 ? {} : { from }),
      ...(to.length === 0 ? {} : { to }),
      ...(when.length === 0 ? {} : { when }),
    })),
  };
}

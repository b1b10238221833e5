/** Topology -> the TCP connections that policy allows, for the kernel's map `verdicts`. Pure. */
import type { AuthorizationPolicy, PolicySource, Workload } from '../config/model.ts';
import { endpointsOf, principalOf, type Topology } from '../config/topology.ts';
import type { ResourceKey } from '../instance.ts';
import { applies } from './applies.ts';

/** The source may connect. What is not listed is refused. */
export interface L4Allow {
  readonly source: ResourceKey;
  readonly destination: {
    /** IPv4 of a Service, or of a workload. */
    readonly ip: string;
    /** The Service's port, or the workload's targetPort. */
    readonly port: number;
  };
}

/**
 * One entry for each workload and TCP destination (Service address and port, workload address and targetPort) that it may
 * connect to. Istio's semantics for TCP: DENY before ALLOW; an ALLOW rule that asks for methods or paths never matches; a
 * DENY rule matches as if it did not ask for them, so that it denies more. The kernel judges before an endpoint is chosen:
 * a Service with several endpoints is denied when any of them denies; one without endpoints has no entry.
 */
export function l4Verdicts(topology: Topology): L4Allow[] {
  const { model } = topology;
  /** By `ip port`: two Services may lead to one port of a workload. */
  const destinations = new Map<string, { ip: string; port: number; guards: Guard[] }>();
  const add = (ip: string | undefined, port: number, guards: Guard[]): void => {
    if (ip !== undefined && guards.length > 0) destinations.set(`${ip} ${port}`, { ip, port, guards });
  };
  for (const service of model.services) {
    for (const port of service.ports.filter(({ protocol }) => protocol === 'tcp')) {
      const endpoints = endpointsOf(model, service, port);
      const guards = endpoints.map(({ workload, targetPort }) => guardOf(model.policies, workload, targetPort));
      add(topology.serviceIps[service.key], port.port, guards);
      for (const [index, { workload, targetPort }] of endpoints.entries()) {
        add(topology.workloadIps[workload.key], targetPort, guards.slice(index, index + 1));
      }
    }
  }
  return model.workloads.flatMap((workload) => {
    const caller = { principal: principalOf(model, workload), namespace: workload.namespace };
    return [...destinations.values()]
      .filter(({ guards }) => guards.every((guard) => permits(guard, caller)))
      .map(({ ip, port }) => ({ source: workload.key, destination: { ip, port } }));
  });
}

/** What is left of the policies of one port of a workload when nothing but the caller can differ. */
interface Guard {
  /** Sources of the rules; an empty list is a rule that matches every caller. */
  readonly deny: readonly (readonly PolicySource[])[];
  /** undefined: no ALLOW policy, everyone may. */
  readonly allow: readonly (readonly PolicySource[])[] | undefined;
}

interface Caller {
  readonly principal: string;
  readonly namespace: string;
}

function guardOf(policies: readonly AuthorizationPolicy[], workload: Workload, port: number): Guard {
  const guarding = policies.filter((policy) => applies(policy, workload));
  const sources = (action: 'ALLOW' | 'DENY') =>
    guarding
      .filter((policy) => policy.action === action)
      .flatMap(({ rules }) => rules)
      .filter(({ to }) => action === 'DENY' || !to.some(({ methods, paths }) => methods ?? paths))
      .filter(({ to }) => to.length === 0 || to.some(({ ports }) => ports?.includes(String(port)) ?? true))
      .map(({ from }) => from);
  return {
    deny: sources('DENY'),
    allow: guarding.some(({ action }) => action === 'ALLOW') ? sources('ALLOW') : undefined,
  };
}

function permits({ deny, allow }: Guard, caller: Caller): boolean {
  const matches = (from: readonly PolicySource[]): boolean =>
    from.length === 0 ||
    from.some(
      ({ principals, namespaces }) =>
        matchesAny(principals, caller.principal) && matchesAny(namespaces, caller.namespace),
    );
  return !deny.some(matches) && (allow?.some(matches) ?? true);
}

function matchesAny(patterns: readonly string[] | undefined, value: string): boolean {
  return patterns?.some((pattern) => matches(pattern, value)) ?? true;
}

/** Istio's order: `*` is presence, `*x` a suffix, `x*` a prefix, all else exact. */
function matches(pattern: string, value: string): boolean {
  if (pattern === '*') return value !== '';
  if (pattern.startsWith('*')) return value.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return value.startsWith(pattern.slice(0, -1));
  return value === pattern;
}

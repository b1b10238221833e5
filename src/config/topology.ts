/**
 * The model with addresses: what policy, proxy, dataplane and workload derive their desired state from. Plain data, so
 * that it can be written to the state directory and read back by the next supervisor.
 */
import type { ResourceKey } from '../instance.ts';
import type { Model, Service, ServicePort, Workload } from './model.ts';

export interface Topology {
  readonly instance: string;
  readonly model: Model;
  /** First address of the root namespace's side; also the default gateway of every workload. */
  readonly gatewayIp: string;
  readonly workloadCidr: string;
  readonly serviceCidr: string;
  /** Keyed by workload; IPv4 dotted. Stable while the workload exists. */
  readonly workloadIps: Readonly<Record<ResourceKey, string>>;
  /** Keyed by Service; IPv4 dotted. Stable while the Service exists. */
  readonly serviceIps: Readonly<Record<ResourceKey, string>>;
}

/** One workload behind one port of a Service. */
export interface Endpoint {
  readonly workload: Workload;
  readonly targetPort: number;
}

/** The workloads that a Service selects, in order of their keys. */
export function endpointsOf(model: Model, service: Service, port: ServicePort): Endpoint[] {
  return model.workloads
    .filter((workload) => workload.namespace === service.namespace && selects(service.selector, workload.labels))
    .map((workload) => ({ workload, targetPort: port.targetPort }));
}

/** True when every label of the selector is set to the same value; an empty selector selects nothing, as in Kubernetes. */
export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector);
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value);
}

/** The identity of a workload: TRUSTDOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT (a SPIFFE ID without its scheme). */
export function principalOf(model: Model, workload: Workload): string {
  return `${model.mesh.trustDomain}/ns/${workload.namespace}/sa/${workload.serviceAccount}`;
}

/** Name of the Envoy cluster of one workload's port; the authz filter's key of a destination. */
export function clusterName(workload: ResourceKey, targetPort: number): string {
  return `${workload}:${targetPort}`;
}

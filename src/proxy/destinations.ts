/** Every address that a listener must know, and what is behind it. Pure. */
import type { ServicePort, Workload } from '../config/model.ts';
import { clusterName, type Endpoint, endpointsOf, type Topology } from '../config/topology.ts';
import { ShuntError } from '../errors.ts';
import type { ResourceKey } from '../instance.ts';

/** An address that workloads connect to: a Service's, or one of a workload that a Service selects. */
export interface Destination {
  /** For people, unique: `service NAMESPACE/NAME:PORT` or `workload NAMESPACE/NAME:PORT`. */
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly protocol: ServicePort['protocol'];
  /** Names of the clusters behind it, one a workload; empty for a Service without workloads. */
  readonly clusters: readonly string[];
  /** In the order of their clusters. */
  readonly workloads: readonly Workload[];
}

/** One port of a workload that some Service leads to. */
export interface Upstream extends Endpoint {
  readonly cluster: string;
  readonly protocol: ServicePort['protocol'];
}

/** Services first, then workloads, in the model's order; an address that several Services share is there once. */
export function destinationsOf(topology: Topology): Destination[] {
  const services = topology.model.services.flatMap((service) =>
    service.ports.map((port) => {
      const endpoints = endpointsOf(topology.model, service, port);
      return {
        name: `service ${service.key}:${port.port}`,
        ip: ipOf(topology.serviceIps, service.key),
        port: port.port,
        protocol: port.protocol,
        clusters: endpoints.map(({ workload, targetPort }) => clusterName(workload.key, targetPort)),
        workloads: endpoints.map(({ workload }) => workload),
      };
    }),
  );
  const workloads = upstreamsOf(topology).map(({ workload, targetPort, protocol, cluster }) => ({
    name: `workload ${cluster}`,
    ip: ipOf(topology.workloadIps, workload.key),
    port: targetPort,
    protocol,
    clusters: [cluster],
    workloads: [workload],
  }));
  return [...services, ...workloads];
}

/** In the order of their clusters' names. All Services agree on the protocol of a workload's port: src/config refuses others. */
export function upstreamsOf({ model }: Topology): Upstream[] {
  const upstreams = new Map<string, Upstream>();
  for (const service of model.services) {
    for (const port of service.ports) {
      for (const endpoint of endpointsOf(model, service, port)) {
        const cluster = clusterName(endpoint.workload.key, endpoint.targetPort);
        upstreams.set(cluster, { ...endpoint, cluster, protocol: port.protocol });
      }
    }
  }
  return [...upstreams.values()].sort((a, b) => (a.cluster < b.cluster ? -1 : 1));
}

function ipOf(ips: Readonly<Record<ResourceKey, string>>, key: ResourceKey): string {
  const ip = ips[key];
  if (ip === undefined) throw new ShuntError('E_CONFIG', `${key}: it has no address`);
  return ip;
}

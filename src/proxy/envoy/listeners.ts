/**
 * One listener for each workload, on 127.0.0.1 inside its network namespace: who calls is known by which listener was
 * called, and nothing that the caller sends can change it. Pure.
 */
import type { Service, ServicePort, Workload } from '../../config/model.ts';
import { clusterName, type Endpoint, endpointsOf, type Topology } from '../../config/topology.ts';
import { type Instance, netnsName, netnsPath } from '../../instance.ts';
import { configSource } from './config-source.ts';
import { httpConnectionManager } from './http.ts';
import { typed } from './type-url.ts';

/** Where captured connections go, in every workload's namespace. */
export const OUTBOUND_PORT = 15001;

/** What a filter chain leads to. */
export interface Target {
  /** Of the chain and of its statistics; unique in a listener. */
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly protocol: ServicePort['protocol'];
  readonly endpoints: readonly Endpoint[];
}

/** In order of the workloads' keys; none at all while there is no Service, because Envoy refuses a listener without chains. */
export function listeners(instance: Instance, topology: Topology): object[] {
  const targets = targetsOf(topology);
  if (targets.length === 0) return [];
  return topology.model.workloads.map((workload) => listener(instance, topology, workload, targets));
}

/**
 * Services, and the workloads' own addresses on the ports that Services serve: whoever dials a workload directly passes the
 * same policy. Two Services on one port of a workload give it one chain; the first in order of names decides the protocol.
 */
export function targetsOf({ model, serviceIps, workloadIps }: Topology): Target[] {
  const targets = new Map<string, Target>();
  const add = (target: Target): void => {
    const key = `${target.ip}:${target.port}`;
    if (!targets.has(key)) targets.set(key, target);
  };
  const each = (visit: (service: Service, port: ServicePort, endpoints: Endpoint[]) => void): void => {
    for (const service of model.services) {
      for (const port of service.ports) visit(service, port, endpointsOf(model, service, port));
    }
  };
  each(({ key }, { port, protocol }, endpoints) => {
    add({ name: `${key}:${port}`, ip: serviceIps[key] ?? '', port, protocol, endpoints });
  });
  each((_service, { protocol }, endpoints) => {
    for (const endpoint of endpoints) {
      const { workload, targetPort } = endpoint;
      const name = `workload/${clusterName(workload.key, targetPort)}`;
      add({ name, ip: workloadIps[workload.key] ?? '', port: targetPort, protocol, endpoints: [endpoint] });
    }
  });
  return [...targets.values()];
}

function listener(instance: Instance, topology: Topology, workload: Workload, targets: readonly Target[]): object {
  return typed('config.listener.v3.Listener', {
    name: `outbound/${workload.key}`,
    stat_prefix: 'outbound',
    address: {
      socket_address: {
        address: '127.0.0.1',
        port_value: OUTBOUND_PORT,
        network_namespace_filepath: netnsPath(netnsName(topology.instance, workload.key)),
      },
    },
    metadata: { filter_metadata: { shunt: { source: workload.key } } },
    listener_filters: [
      {
        name: 'envoy.filters.listener.original_dst',
        typed_config: typed('extensions.filters.listener.original_dst.v3.OriginalDst'),
      },
    ],
    // A connection whose original destination matches no chain is closed.
    filter_chains: targets.map((target) => filterChain(instance, target)),
  });
}

function filterChain(instance: Instance, target: Target): object {
  const { ip, port, protocol } = target;
  return {
    name: target.name,
    filter_chain_match: { prefix_ranges: [{ address_prefix: ip, prefix_len: 32 }], destination_port: port },
    filters: [protocol === 'tcp' ? tcpProxy(target) : httpConnectionManager(target, configSource(instance, 'ecds'))],
  };
}

/** L4 policy was decided at connect(2), in the kernel. */
function tcpProxy({ name, endpoints }: Target): object {
  const names = endpoints.map(({ workload, targetPort }) => clusterName(workload.key, targetPort));
  const [only = 'none'] = names;
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: typed('extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      stat_prefix: name,
      // No limit: what stays open and silent (a Redis client) must not be cut by the mesh when TCP would not.
      idle_timeout: '0s',
      ...(names.length === 1
        ? { cluster: only }
        : { weighted_clusters: { clusters: names.map((cluster) => ({ name: cluster, weight: 1 })) } }),
    }),
  };
}

/** One listener for each workload, on loopback inside its namespace. Pure. */
import type { Model } from '../../config/model.ts';
import type { Topology } from '../../config/topology.ts';
import { type Instance, netnsName, netnsPath, type ResourceKey } from '../../instance.ts';
import { type Destination, destinationsOf } from '../destinations.ts';
import { workloadsOf } from '../placements.ts';
import { clustersAction, type HttpOptions, httpManager } from './http.ts';
import { extension, type Message, typed } from './type-url.ts';

/** Where captured connections are sent, on 127.0.0.1 of the caller's namespace. */
export const OUTBOUND_PORT = 15001;

/** Connections that wait to be accepted; Envoy's 128 overflows when many clients start at once. */
const BACKLOG = 4096;

/** Idle connections of a TCP destination (a Redis client's, overnight) stay, as they would without a proxy. */
const NEVER = '0s';

/**
 * In the order of the workloads; none while there is no Service, because Envoy refuses a listener without chains. Which chains a listener has does not depend on the caller: policy decides, not reach.
 */
export function listenersOf(instance: Instance, topology: Topology, options: HttpOptions = {}): Message[] {
  const chains = destinationsOf(topology)
    .filter(({ protocol, clusters }) => protocol !== 'tcp' || clusters.length > 0)
    .map((destination) => chainOf(instance, topology.model, destination, options));
  if (chains.length === 0) return [];
  return workloadsOf(topology.model, 'node').map(({ key }) => listenerOf(instance, key, chains));
}

function listenerOf(instance: Instance, workload: ResourceKey, chains: readonly Message[]): Message {
  return typed('config.listener.v3.Listener', {
    name: `outbound/${workload}`,
    // Who calls: the namespace that the connection was accepted in, never anything that the caller says.
    metadata: { filter_metadata: { shunt: { source: workload } } },
    traffic_direction: 'OUTBOUND',
    stat_prefix: 'outbound',
    address: {
      socket_address: {
        address: '127.0.0.1',
        port_value: OUTBOUND_PORT,
        network_namespace_filepath: netnsPath(netnsName(instance.name, workload)),
      },
    },
    tcp_backlog_size: BACKLOG,
    listener_filters: [
      extension('envoy.filters.listener.original_dst', 'extensions.filters.listener.original_dst.v3.OriginalDst'),
    ],
    // No default chain: a connection to any other address is closed.
    filter_chains: chains,
  });
}

function chainOf(instance: Instance, model: Model, destination: Destination, options: HttpOptions): Message {
  const { name, ip, port, protocol } = destination;
  return {
    name,
    filter_chain_match: { prefix_ranges: [{ address_prefix: ip, prefix_len: 32 }], destination_port: port },
    filters: [protocol === 'tcp' ? tcpProxy(destination) : httpManager(instance, model, destination, options)],
  };
}

function tcpProxy({ clusters }: Destination): Message {
  return extension('envoy.filters.network.tcp_proxy', 'extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    stat_prefix: 'outbound',
    ...clustersAction(clusters),
    idle_timeout: NEVER,
  });
}

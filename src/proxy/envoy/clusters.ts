/** One cluster for each port of a workload that a Service leads to: 127.0.0.1:targetPort inside its namespace. Pure. */
import type { Topology } from '../../config/topology.ts';
import { type Instance, netnsName, netnsPath } from '../../instance.ts';
import { type Upstream, upstreamsOf } from '../destinations.ts';
import { type Message, typed } from './type-url.ts';

/** As Istio: time for a server whose backlog is full; one that does not listen refuses at once. */
const CONNECT_TIMEOUT = '10s';

/**
 * Servers close idle keep-alive connections (Node and Apache after 5 s, gunicorn after 2), and a request that meets the close
 * on its way fails. So the proxy closes first. A new connection costs some 100 us on loopback, at most once a second.
 */
const IDLE_TIMEOUT = '1s';

/** No circuit breaker (Envoy's default of 1024 connections, 3 retries): whoever connects by TCP has none either. */
const UNLIMITED = 4_294_967_295;

/** In the order of their names. */
export function clustersOf(instance: Instance, topology: Topology): Message[] {
  return upstreamsOf(topology).map((upstream) => clusterOf(instance, upstream));
}

function clusterOf(instance: Instance, { cluster, workload, targetPort, protocol }: Upstream): Message {
  const loopback = { address: '127.0.0.1' };
  return typed('config.cluster.v3.Cluster', {
    name: cluster,
    type: 'STATIC',
    connect_timeout: CONNECT_TIMEOUT,
    upstream_bind_config: {
      source_address: {
        ...loopback,
        port_value: 0,
        network_namespace_filepath: netnsPath(netnsName(instance.name, workload.key)),
      },
    },
    load_assignment: {
      cluster_name: cluster,
      endpoints: [
        { lb_endpoints: [{ endpoint: { address: { socket_address: { ...loopback, port_value: targetPort } } } }] },
      ],
    },
    circuit_breakers: {
      thresholds: [
        {
          max_connections: UNLIMITED,
          max_pending_requests: UNLIMITED,
          max_requests: UNLIMITED,
          max_retries: UNLIMITED,
        },
      ],
    },
    ...(protocol === 'tcp' ? {} : { typed_extension_protocol_options: httpOptions(protocol) }),
  });
}

function httpOptions(protocol: 'http' | 'http2'): Message {
  const name = 'extensions.upstreams.http.v3.HttpProtocolOptions';
  const explicit = protocol === 'http2' ? { http2_protocol_options: {} } : { http_protocol_options: {} };
  return {
    [`envoy.${name}`]: typed(name, {
      common_http_protocol_options: { idle_timeout: IDLE_TIMEOUT },
      explicit_http_config: explicit,
    }),
  };
}

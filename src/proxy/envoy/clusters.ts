/** One cluster for each port of a workload that a Service serves. Pure. */
import type { ServicePort } from '../../config/model.ts';
import { clusterName, endpointsOf, type Topology } from '../../config/topology.ts';
import { netnsName, netnsPath, type ResourceKey } from '../../instance.ts';
import { typed } from './type-url.ts';

/** As Istio: the kernel answers a closed port at once, so this is only met when a workload's backlog is full. */
const CONNECT_TIMEOUT = '10s';
/** Circuit breakers off, as in Istio: a limit that nobody set must not fail requests. */
const UNLIMITED = 4_294_967_295;

/** In order of their names. Two ports of one workload's targetPort are one cluster; HTTP/2 wins, then HTTP/1, then TCP. */
export function clusters(topology: Topology): object[] {
  const found = new Map<string, { workload: ResourceKey; targetPort: number; protocol: ServicePort['protocol'] }>();
  for (const service of topology.model.services) {
    for (const port of service.ports) {
      for (const { workload, targetPort } of endpointsOf(topology.model, service, port)) {
        const name = clusterName(workload.key, targetPort);
        const protocol = stronger(found.get(name)?.protocol, port.protocol);
        found.set(name, { workload: workload.key, targetPort, protocol });
      }
    }
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { workload, targetPort, protocol }]) => cluster(topology, name, workload, targetPort, protocol));
}

const STRENGTH = { tcp: 0, http: 1, http2: 2 } as const;

function stronger(a: ServicePort['protocol'] | undefined, b: ServicePort['protocol']): ServicePort['protocol'] {
  return a !== undefined && STRENGTH[a] > STRENGTH[b] ? a : b;
}

/** envoy.config.cluster.v3.Cluster: 127.0.0.1 inside the workload's namespace, reached from inside it. */
function cluster(
  topology: Topology,
  name: string,
  workload: ResourceKey,
  targetPort: number,
  protocol: ServicePort['protocol'],
): object {
  const namespace = netnsPath(netnsName(topology.instance, workload));
  return typed('config.cluster.v3.Cluster', {
    name,
    type: 'STATIC',
    connect_timeout: CONNECT_TIMEOUT,
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
    upstream_bind_config: {
      source_address: { address: '127.0.0.1', port_value: 0, network_namespace_filepath: namespace },
    },
    ...(protocol === 'http2' ? { typed_extension_protocol_options: HTTP2 } : {}),
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: targetPort } } } },
          ],
        },
      ],
    },
  });
}

const HTTP2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed('extensions.upstreams.http.v3.HttpProtocolOptions', {
    explicit_http_config: { http2_protocol_options: {} },
  }),
};

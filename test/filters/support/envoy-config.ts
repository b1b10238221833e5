/** Pieces of Envoy configuration for filter tests. */
import type { Json } from './envoy.ts';

export interface HttpListener {
  readonly name: string;
  /** `filter_metadata.shunt.source`. */
  readonly source?: string;
  readonly filters: readonly Json[];
  readonly virtualHosts: readonly Json[];
}

/** On a free port of loopback. Every response says in `x-details` why it is what it is. */
export function httpListener({ name, source, filters, virtualHosts }: HttpListener): Json {
  const details = { key: 'x-details', value: '%RESPONSE_CODE_DETAILS%' };
  return {
    name,
    ...(source === undefined ? {} : { metadata: { filter_metadata: { shunt: { source } } } }),
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [
          {
            name: 'hcm',
            typed_config: {
              '@type': `${PREFIX}filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: 'test',
              codec_type: 'AUTO',
              max_request_headers_kb: 96,
              route_config: { name: 'routes', virtual_hosts: virtualHosts },
              local_reply_config: { mappers: [{ filter: ANY_STATUS, headers_to_add: [{ header: details }] }] },
              http_filters: [
                ...filters,
                { name: 'router', typed_config: { '@type': `${PREFIX}filters.http.router.v3.Router` } },
              ],
            },
          },
        ],
      },
    ],
  };
}

const PREFIX = 'type.googleapis.com/envoy.extensions.';
const ANY_STATUS: Json = {
  status_code_filter: { comparison: { op: 'GE', value: { default_value: 100, runtime_key: 'none' } } },
};

/** A host name that leads to a cluster. */
export function virtualHost(domain: string, cluster: string, perFilter: Record<string, Json> = {}): Json {
  return {
    name: domain,
    domains: [domain],
    typed_per_filter_config: perFilter,
    routes: [{ match: { prefix: '' }, route: { cluster } }],
  };
}

export function cluster(name: string, port: number): Json {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return {
    name,
    type: 'STATIC',
    connect_timeout: '2s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}

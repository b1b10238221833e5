/** Pieces of Envoy configuration for filter tests. */
import type { Json } from './envoy.ts';

export interface HttpListener {
  readonly name: string;
  /** `filter_metadata.shunt.source`. */
  readonly source?: string;
  readonly filters: readonly Json[];
  readonly virtualHosts: readonly Json[];
  /** Before the HTTP connection manager. */
  readonly networkFilters?: readonly Json[];
  /** TLS, with server names. Default: plain text. */
  readonly transportSocket?: Json;
}

/** On a free port of loopback. Every response says in `x-details` why it is what it is. */
export function httpListener(listener: HttpListener): Json {
  const { name, source, filters, virtualHosts, networkFilters = [], transportSocket } = listener;
  const details = { key: 'x-details', value: '%RESPONSE_CODE_DETAILS%' };
  return {
    name,
    ...(source === undefined ? {} : { metadata: { filter_metadata: { shunt: { source } } } }),
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    ...(transportSocket === undefined ? {} : { listener_filters: [TLS_INSPECTOR] }),
    filter_chains: [
      {
        ...(transportSocket === undefined ? {} : { transport_socket: transportSocket }),
        filters: [
          ...networkFilters,
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
const TLS_INSPECTOR: Json = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: { '@type': `${PREFIX}filters.listener.tls_inspector.v3.TlsInspector` },
};
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

/** A route that requests with `x-destination: NAME` take, whatever their host. */
export interface NamedRoute {
  readonly name: string;
  readonly cluster: string;
  readonly perFilter?: Record<string, Json>;
  readonly responseHeaders?: Json;
}

export function routedHost(routes: readonly NamedRoute[]): Json {
  return {
    name: 'all',
    domains: ['*'],
    routes: routes.map(({ name, cluster, perFilter = {}, responseHeaders = [] }) => ({
      match: { prefix: '', headers: [{ name: 'x-destination', string_match: { exact: name } }] },
      route: { cluster },
      typed_per_filter_config: perFilter,
      response_headers_to_add: responseHeaders,
    })),
  };
}

/** Says the address of the connection's peer, which Envoy has no property for, as `filter_state.shunt.source_ip`. */
export const peerAddressFilter: Json = {
  name: 'envoy.filters.network.set_filter_state',
  typed_config: {
    '@type': `${PREFIX}filters.network.set_filter_state.v3.Config`,
    on_new_connection: [
      {
        object_key: 'shunt.source_ip',
        factory_key: 'envoy.string',
        format_string: {
          text_format_source: { inline_string: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%' },
        },
      },
    ],
  },
};

/** In place of jwt_authn: the claims are in `x-claims`, a google.protobuf.Value in base64. */
export const claimsFilter: Json = {
  name: 'envoy.filters.http.header_to_metadata',
  typed_config: {
    '@type': `${PREFIX}filters.http.header_to_metadata.v3.Config`,
    request_rules: [
      {
        header: 'x-claims',
        on_header_present: {
          metadata_namespace: 'envoy.filters.http.jwt_authn',
          key: 'payload',
          type: 'PROTOBUF_VALUE',
          encode: 'BASE64',
        },
        remove: true,
      },
    ],
  },
};

/** Named `tcp`, as its statistics are: passes connections on to a cluster. @param filters Network filters before that. */
export function tcpListener(cluster: string, filters: readonly Json[] = []): Json {
  const proxy = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
    stat_prefix: 'tcp',
    cluster,
  };
  return {
    name: 'tcp',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [...filters, { name: 'tcp', typed_config: proxy }] }],
  };
}

export function cluster(name: string, port: number): Readonly<Record<string, Json>> {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return {
    name,
    type: 'STATIC',
    connect_timeout: '2s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}

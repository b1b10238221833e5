/** The HTTP connection manager and the routes of one destination. Pure. */
import type { Model } from '../../config/model.ts';
import type { Instance } from '../../instance.ts';
import type { Destination } from '../destinations.ts';
import { authzFilter } from './authz.ts';
import { pluginFilters } from './plugins.ts';
import { extension, type Message } from './type-url.ts';

/** No end: what takes long is the application's business, as over TCP. */
const NEVER = '0s';

/**
 * A request is sent again when it cannot have been seen: the connection was not made, or it was reset before the request's
 * headers left. Safe methods also when the connection ends without any answer, which is how a server's close of an idle
 * keep-alive connection looks. Nothing is sent again on the answer's status.
 */
const RETRY_UNSEEN = 'connect-failure,refused-stream,reset-before-request';
const RETRY_SAFE = `${RETRY_UNSEEN},reset`;
const RETRIES = 2;

/** RFC 9110, 9.2.1. */
const SAFE_METHODS = '^(GET|HEAD|OPTIONS|TRACE)$';

/** A request is kept for another try up to this many bytes of body; a longer one is passed on and not tried again. */
const RETRY_BODY_BYTES = 65_536;

export interface HttpOptions {
  /** File that gets a line for each request. Absent: none is written, which is faster. */
  readonly accessLog?: string;
}

/** The network filter of an HTTP chain. */
export function httpManager(instance: Instance, model: Model, destination: Destination, options: HttpOptions): Message {
  const plugins = pluginFilters(instance, model, destination);
  return extension(
    'envoy.filters.network.http_connection_manager',
    'extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    {
      stat_prefix: 'outbound',
      codec_type: 'AUTO',
      route_config: routesOf(destination),
      http_filters: [
        // Without a workload there is nothing to protect and no cluster that the filter could judge by.
        ...(destination.clusters.length === 0 ? [] : [...plugins.before, authzFilter(instance), ...plugins.after]),
        extension('envoy.filters.http.router', 'extensions.filters.http.router.v3.Router', {
          suppress_envoy_headers: true,
        }),
      ],
      early_header_mutation_extensions: [DROP_ENVOY_HEADERS],
      // Istio's normalization BASE: what the filter judges is what the application gets.
      normalize_path: true,
      path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
      // Nobody is in front of this proxy: the caller's own x-forwarded-for stays, its client certificate is not believed.
      use_remote_address: false,
      forward_client_cert_details: 'SANITIZE',
      preserve_external_request_id: true,
      server_header_transformation: 'PASS_THROUGH',
      http_protocol_options: { accept_http_10: true, default_host_for_http_10: destination.ip },
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      stream_idle_timeout: NEVER,
      ...(options.accessLog === undefined ? {} : { access_log: [accessLog(options.accessLog)] }),
    },
  );
}

/**
 * They are for between Envoys: time-outs, retries, names of statistics. Envoy obeys them when a request claims, in
 * x-forwarded-for, to come from a private address, and passes those that it does not know on to the application.
 */
const DROP_ENVOY_HEADERS = extension(
  'envoy.http.early_header_mutation.header_mutation',
  'extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
  { mutations: [{ remove_on_match: { key_matcher: { prefix: 'x-envoy-' } } }] },
);

function routesOf({ name, clusters }: Destination): Message {
  return {
    name,
    virtual_hosts: [{ name, domains: ['*'], routes: clusters.length === 0 ? [unavailable(name)] : routesTo(clusters) }],
  };
}

function routesTo(clusters: readonly string[]): Message[] {
  const safe = { name: ':method', string_match: { safe_regex: { regex: SAFE_METHODS } } };
  return [
    { match: { prefix: '/', headers: [safe] }, route: action(clusters, RETRY_SAFE), ...KEEP_FOR_RETRY },
    { match: { prefix: '/' }, route: action(clusters, RETRY_UNSEEN), ...KEEP_FOR_RETRY },
  ];
}

const KEEP_FOR_RETRY = { request_body_buffer_limit: RETRY_BODY_BYTES };

function action(clusters: readonly string[], retryOn: string): Message {
  return {
    ...clustersAction(clusters),
    timeout: NEVER,
    retry_policy: { retry_on: retryOn, num_retries: RETRIES },
  };
}

/** `cluster` of a route or of the TCP proxy; several get equal shares. */
export function clustersAction(clusters: readonly string[]): Message {
  const [first] = clusters;
  if (clusters.length === 1) return { cluster: first };
  return { weighted_clusters: { clusters: clusters.map((name) => ({ name, weight: 1 })) } };
}

function unavailable(name: string): Message {
  return {
    match: { prefix: '/' },
    direct_response: { status: 503, body: { inline_string: `shunt: no workload behind ${name}\n` } },
  };
}

function accessLog(path: string): Message {
  return extension('envoy.access_loggers.file', 'extensions.access_loggers.file.v3.FileAccessLog', { path });
}

/** The HTTP connection manager of a filter chain: policy, then routing. Pure. */
import { clusterName } from '../../config/topology.ts';
import type { Target } from './listeners.ts';
import { typed, typeUrl } from './type-url.ts';

/** Name of the policy filter and of its ECDS resource. */
export const AUTHZ_FILTER = 'shunt.authz';

/**
 * Retried before the request can have reached the application: nobody can tell such a retry from a slow first try. As Istio,
 * less what could run a request twice.
 */
const RETRY_POLICY = { retry_on: 'connect-failure,refused-stream,reset-before-request', num_retries: 2 };

/** `policySource`: where the policy comes from. By ECDS, so that a new policy closes no connection. */
export function httpConnectionManager(target: Target, policySource: object): object {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: target.name,
      codec_type: 'AUTO',
      // Istio's default (BASE): dots and escapes of unreserved characters are resolved before policy looks at the path.
      normalize_path: true,
      // An identity that came in a header would be the client's own claim.
      forward_client_cert_details: 'SANITIZE',
      skip_xff_append: true,
      server_header_transformation: 'PASS_THROUGH',
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      http_filters: [
        {
          name: AUTHZ_FILTER,
          config_discovery: {
            config_source: policySource,
            type_urls: [typeUrl('extensions.filters.http.wasm.v3.Wasm')],
          },
        },
        {
          name: 'envoy.filters.http.router',
          typed_config: typed('extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
        },
      ],
      route_config: {
        name: target.name,
        virtual_hosts: [{ name: target.name, domains: ['*'], routes: [route(target)] }],
      },
    }),
  };
}

function route({ endpoints }: Target): object {
  const names = endpoints.map(({ workload, targetPort }) => clusterName(workload.key, targetPort));
  const [only] = names;
  if (only === undefined) return { match: { prefix: '/' }, direct_response: { status: 503 } };
  const destination =
    names.length === 1
      ? { cluster: only }
      : { weighted_clusters: { clusters: names.map((name) => ({ name, weight: 1 })) } };
  return {
    match: { prefix: '/' },
    // No timeout for a whole request: a large upload over a slow client is not an error.
    route: { ...destination, timeout: '0s', retry_policy: RETRY_POLICY },
  };
}

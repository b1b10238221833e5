/** Envoy's bootstrap: what does not change while it runs. Everything else comes by files (xds.ts). Pure. */
import type { Topology } from '../../config/topology.ts';
import type { Instance } from '../../instance.ts';
import { configSource } from './config-source.ts';
import { extension, type Message } from './type-url.ts';

/** Beyond it new connections are closed at once: a leak of one workload must not take the memory of all. */
const MAX_DOWNSTREAM_CONNECTIONS = 50_000;

/** A filter that loops for ever blocks a whole worker, and without a kill time-out Envoy would only count it. */
const WORKER_KILL_TIMEOUT = '10s';
/** The main thread compiles wasm and reads configuration; on a busy machine that takes seconds. */
const MAIN_KILL_TIMEOUT = '60s';

const SOCKET_MODE_OWNER_ONLY = 0o600;

/**
 * Of Envoy's statistics only these are kept: each cluster has about 100 others, which cost more memory than its configuration.
 * The first group is what the supervisor waits on.
 */
const STATS: readonly Message[] = [
  { prefix: 'cluster_manager.cds.' },
  { prefix: 'listener_manager.' },
  { prefix: 'extension_config_discovery.' },
  { prefix: 'server.' },
  { prefix: 'wasm' },
  { prefix: 'overload' },
  { prefix: 'listener.outbound.downstream_cx_' },
  { prefix: 'http.outbound.downstream_rq_' },
  { prefix: 'http.outbound.downstream_cx_' },
  { prefix: 'tcp.outbound.' },
  {
    safe_regex: {
      regex:
        '^cluster\\..*\\.upstream_(cx_(total|active|connect_fail)|rq_(total|retry|[2-5]xx|completed|pending_overflow))$',
    },
  },
];

/** JSON text for `--config-path`. What it depends on is the instance alone. */
export function envoyBootstrap(instance: Instance, _topology?: Topology): string {
  return `${JSON.stringify(bootstrapOf(instance), undefined, 1)}\n`;
}

function bootstrapOf(instance: Instance): Message {
  return {
    node: { id: `shunt.${instance.name}`, cluster: 'shunt' },
    admin: { address: { pipe: { path: instance.envoyAdminSocket, mode: SOCKET_MODE_OWNER_ONLY } } },
    dynamic_resources: { cds_config: configSource(instance, 'cds'), lds_config: configSource(instance, 'lds') },
    stats_config: { stats_matcher: { inclusion_list: { patterns: STATS } } },
    watchdogs: {
      main_thread_watchdog: { kill_timeout: MAIN_KILL_TIMEOUT },
      worker_watchdog: { kill_timeout: WORKER_KILL_TIMEOUT },
    },
    overload_manager: {
      resource_monitors: [
        extension(
          'envoy.resource_monitors.global_downstream_max_connections',
          'extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          { max_active_downstream_connections: MAX_DOWNSTREAM_CONNECTIONS },
        ),
      ],
    },
  };
}

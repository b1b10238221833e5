/** Envoy's bootstrap: what cannot change while it runs. Pure. */
import type { Topology } from '../../config/topology.ts';
import type { Instance } from '../../instance.ts';
import { configSource } from './config-source.ts';
import { typed } from './type-url.ts';

/**
 * Connections that all workloads together may have open to the proxy; more are refused. Envoy warns without a limit, and a
 * runaway client must not take the file descriptors of all workloads.
 */
const MAX_DOWNSTREAM_CONNECTIONS = 50_000;
/** A worker that a filter holds up this long is killed with the process: a restart takes 2 s, a hang is for ever. */
const WATCHDOG_KILL_TIMEOUT = '30s';

/** JSON text of envoy.config.bootstrap.v3.Bootstrap. */
export function envoyBootstrap(instance: Instance, _topology: Topology): string {
  const watchdog = { kill_timeout: WATCHDOG_KILL_TIMEOUT };
  const bootstrap = {
    node: { id: `shunt.${instance.name}`, cluster: 'shunt' },
    admin: { address: { pipe: { path: instance.envoyAdminSocket, mode: 0o600 } } },
    dynamic_resources: { cds_config: configSource(instance, 'cds'), lds_config: configSource(instance, 'lds') },
    overload_manager: {
      resource_monitors: [
        {
          name: 'envoy.resource_monitors.global_downstream_max_connections',
          typed_config: typed('extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig', {
            max_active_downstream_connections: MAX_DOWNSTREAM_CONNECTIONS,
          }),
        },
      ],
    },
    watchdogs: { main_thread_watchdog: watchdog, worker_watchdog: watchdog },
  };
  return `${JSON.stringify(bootstrap, undefined, 1)}\n`;
}

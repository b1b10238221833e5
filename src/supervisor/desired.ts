/** Topology -> everything that the machine should have. Pure. */
import type { WasmPlugin } from '../config/model.ts';
import type { Topology } from '../config/topology.ts';
import type { DataplaneSettings } from '../dataplane/dataplane.ts';
import type { L4Verdict, ReaderClass } from '../dataplane/desired.ts';
import { type Instance, type ResourceKey, workloadCgroup } from '../instance.ts';
import { l4Verdicts } from '../policy/l4.ts';
import { envoyBootstrap } from '../proxy/envoy/bootstrap.ts';
import { OUTBOUND_PORT } from '../proxy/envoy/listeners.ts';
import { type XdsText, xdsTexts } from '../proxy/envoy/xds.ts';
import { readerClass } from '../workload/readers.ts';

export interface Desired {
  readonly bootstrap: string;
  readonly xds: XdsText;
  readonly plugins: readonly WasmPlugin[];
  readonly settings: DataplaneSettings;
  readonly verdicts: readonly L4Verdict[];
}

export function desiredOf(instance: Instance, topology: Topology): Desired {
  return {
    bootstrap: envoyBootstrap(instance, topology),
    xds: xdsTexts(instance, topology),
    plugins: topology.model.plugins,
    settings: settingsOf(topology),
    verdicts: l4Verdicts(topology),
  };
}

function settingsOf({ model }: Topology): DataplaneSettings {
  const { enabled, promoteAfterSegments, maxQueuedBytes } = model.mesh.fastPath;
  return { outboundPort: OUTBOUND_PORT, promoteAfterSegments: enabled ? promoteAfterSegments : 0, maxQueuedBytes };
}

/**
 * Cgroup path -> how readers in it are treated. Envoy reads until EAGAIN. `splicing`: workloads whose program may use
 * splice(2): nothing may be redirected to them. `off`: those that stay off the fast path, whatever is configured.
 */
export function membersOf(
  instance: Instance,
  { model }: Topology,
  splicing: ReadonlySet<ResourceKey>,
  off: ReadonlySet<ResourceKey>,
): ReadonlyMap<string, ReaderClass> {
  const members = new Map<string, ReaderClass>([[instance.envoyCgroup, 'GREEDY']]);
  for (const workload of model.workloads) {
    const reader = off.has(workload.key) ? 'OFF' : readerClass(model.mesh, workload);
    const limited = splicing.has(workload.key) && reader !== 'OFF' ? 'NEVER' : reader;
    members.set(workloadCgroup(instance, workload.key), limited);
  }
  return members;
}

/**
 * Makes the machine match a desired state. Start, reload, adopt after a crash: the same steps with other inputs. Steps that
 * only add come first, what can be refused (Envoy's configuration) before what cannot, removals last; a refusal therefore
 * leaves the old state in force.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import type { Workload } from '../config/model.ts';
import type { Topology } from '../config/topology.ts';
import { type Instance, netnsName, netnsPath, type ResourceKey, workloadCgroup } from '../instance.ts';
import type { Logger } from '../log.ts';
import { ensureCgroup, processesOf, removeCgroup } from '../workload/cgroup.ts';
import { entranceOf } from '../workload/enter.ts';
import { publishHosts } from '../workload/hosts.ts';
import { launchOptions, maySplice, runHash } from '../workload/launch.ts';
import { ensureNetns, listNetns, removeNetns } from '../workload/netns.ts';
import { spliceOf } from '../workload/readers.ts';
import type { DataplaneHandle } from './dataplane-handle.ts';
import { type Desired, desiredOf, membersOf } from './desired.ts';
import type { EnvoyProcess } from './envoy-process.ts';
import type { Learned } from './learned.ts';
import { pruneModules, storeModules } from './modules.ts';
import { tryPlugins } from './plugin-trial.ts';
import { resetRefused } from './refused-connections.ts';
import { runningMain } from './run-record.ts';
import { type AppliedState, replaceFile, writeApplied } from './state.ts';
import type { WorkloadRunner } from './workload-runner.ts';
import { changedXds, publishXds, writeXds } from './xds-publisher.ts';

/** What the steps work on. */
export interface Parts {
  readonly instance: Instance;
  readonly dataplane: DataplaneHandle;
  readonly envoy: EnvoyProcess;
  readonly runner: WorkloadRunner;
  readonly learned: Learned;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * `previous`: what is in force; the same as `wanted` when that is adopted. `unchanged`: workloads whose namespaces are known to
 * be as wanted; the others are looked at and repaired.
 * @throws the first refusal; what the machine had before is then still in force, and what was added for it is removed.
 */
export async function reconcile(
  parts: Parts,
  wanted: AppliedState,
  previous: AppliedState | undefined,
  unchanged: ReadonlySet<ResourceKey> = new Set(),
): Promise<void> {
  const desired = desiredOf(parts.instance, wanted.topology);
  const added: Workload[] = [];
  try {
    await parts.dataplane.ensure(wanted.topology.model.mesh.fastPath.enabled);
    for (const workload of wanted.topology.model.workloads) {
      if (!existsSync(netnsPath(netnsName(parts.instance.name, workload.key)))) added.push(workload);
      if (!unchanged.has(workload.key)) await prepare(parts, wanted, workload);
    }
    publishHosts(parts.instance, wanted.topology);
    await checkCommands(parts, wanted, previous);
    await configureEnvoy(parts, desired);
  } catch (error) {
    await putBack(parts, added, previous === wanted ? undefined : previous).catch((failure: unknown) =>
      parts.log.error('what was there before is not quite back', { error: failure }),
    );
    throw error;
  }
  applyMaps(parts, desired, wanted);
  for (const workload of wanted.topology.model.workloads) {
    await parts.runner.ensure(workload);
  }
  const keep = new Set(wanted.topology.model.workloads.map(({ key }) => key));
  for (const key of listNetns(parts.instance)) if (!keep.has(key)) await remove(parts, key);
  writeApplied(parts.instance, wanted);
}

/** Those that are new: one that cannot be executed is refused before anything is in force. @throws E_WORKLOAD, E_NEEDS. */
async function checkCommands({ instance }: Parts, wanted: AppliedState, previous?: AppliedState): Promise<void> {
  const before = new Map(previous?.topology.model.workloads.map(({ key, run }) => [key, run && runHash(run)]));
  for (const workload of wanted.topology.model.workloads) {
    const { key, run } = workload;
    if (run === undefined || runHash(run) === before.get(key)) continue;
    await entranceOf(instance, key, launchOptions(run, spliceOf(workload)));
  }
}

/** Envoy has its old configuration already, and no map of policy or capture was touched. */
async function putBack(parts: Parts, added: readonly Workload[], previous: AppliedState | undefined): Promise<void> {
  const { instance } = parts;
  for (const { key } of added) await remove(parts, key);
  if (previous === undefined) return;
  const { topology } = previous;
  publishHosts(instance, topology);
  const dataplane = await parts.dataplane.ensure(topology.model.mesh.fastPath.enabled);
  for (const { key } of topology.model.workloads) dataplane.attachNamespace(netnsPath(netnsName(instance.name, key)));
  applyMaps(parts, desiredOf(instance, topology), previous);
}

/** What policy takes away goes first, with the connections that have it; what it lets in is captured only when the proxy can serve it. */
function applyMaps(parts: Parts, desired: Desired, wanted: AppliedState): void {
  const dataplane = parts.dataplane.current;
  dataplane.applySettings(desired.settings);
  applyMembers(parts, wanted.topology);
  dataplane.applyVerdicts(desired.verdicts);
  dataplane.applyDestinations(wanted.topology);
  resetRefused(parts.instance, dataplane, wanted.topology, parts.log);
}

/**
 * A program that was started with splice(2) keeps it, whatever its workload's configuration says by now; and one of which
 * something was learned stays off the fast path.
 */
export function applyMembers({ instance, dataplane, learned }: Parts, topology: Topology): void {
  const keys = topology.model.workloads.map(({ key }) => key);
  const splicing = new Set(keys.filter((key) => maySplice(runningMain(instance, key)?.hash ?? '')));
  dataplane.current.applyMembers(
    membersOf(instance, topology, splicing, new Set(learned.facts.map(({ workload }) => workload))),
  );
}

/** The namespace is guarded before anything in it can listen. */
async function prepare(parts: Parts, wanted: AppliedState, workload: Workload): Promise<void> {
  const { instance } = parts;
  ensureCgroup(workloadCgroup(instance, workload.key), join(instance.cgroup, '..'));
  await ensureNetns(instance, wanted.topology, workload.key);
  parts.dataplane.current.attachNamespace(netnsPath(netnsName(instance.name, workload.key)));
}

async function configureEnvoy(parts: Parts, desired: Desired): Promise<void> {
  const { instance } = parts;
  const stored = storeModules(instance, desired.plugins);
  try {
    await tryPlugins(instance, desired.xds, changedXds(instance, desired.xds));
    await publish(parts, desired);
  } catch (error) {
    for (const path of stored) rmSync(path);
    throw error;
  }
  pruneModules(instance, desired.plugins);
}

async function publish(parts: Parts, desired: Desired): Promise<void> {
  const { instance, envoy, clock, log } = parts;
  const running = processesOf(instance.envoyCgroup).length > 0;
  if (!running) {
    replaceFile(join(instance.runDir, 'envoy.json'), desired.bootstrap);
    writeXds(instance, desired.xds);
  }
  const how = await envoy.ensure();
  if (how !== 'unchanged') log.info(`Envoy ${how}`, { pid: envoy.pid });
  await publishXds(instance, envoy, clock, desired.xds);
}

async function remove(parts: Parts, key: ResourceKey): Promise<void> {
  const { instance, runner, log } = parts;
  await runner.remove(key);
  parts.dataplane.current.detachNamespace(netnsPath(netnsName(instance.name, key)));
  await removeNetns(instance, key);
  await removeCgroup(workloadCgroup(instance, key));
  log.info('workload removed', { workload: key });
}

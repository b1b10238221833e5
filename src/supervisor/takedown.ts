/**
 * Removes everything that an instance has on the machine, found by name alone: no supervisor, no state file is needed, and
 * what is not there is no error. The same function ends an orderly life and cleans up after a crash.
 */
import { existsSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeDataplane } from '../dataplane/remove.ts';
import { ShuntError } from '../errors.ts';
import { type Instance, workloadCgroup } from '../instance.ts';
import { killCgroup, processesOf, removeCgroup } from '../workload/cgroup.ts';
import { listNetns, removeNetns } from '../workload/netns.ts';
import { stopWorkload } from '../workload/processes.ts';
import { removeStateDirectory } from './state.ts';

/** SIGTERM, then this long until SIGKILL; all workloads at the same time. */
const STOP_TIMEOUT_MS = 5000;

export interface TakeDownOptions {
  /** The supervisor still holds the lock and the socket in it; the command removes it afterwards. */
  readonly keepRunDir?: boolean;
}

/** @returns what was removed, a line each; empty when there was nothing. @throws the first failure, after trying all. */
export async function takeDown(instance: Instance, options: TakeDownOptions = {}): Promise<string[]> {
  const changes: string[] = [];
  const failures: unknown[] = [];
  const step = async (work: () => Promise<string[]> | string[]): Promise<void> => {
    try {
      changes.push(...(await work()));
    } catch (error) {
      failures.push(error);
    }
  };
  const workloads = listNetns(instance);
  // The processes first: what they hold (sockets, namespaces) then goes with what is removed after them.
  await step(async () => {
    await Promise.all(
      workloads.map((key) => stopWorkload(workloadCgroup(instance, key), { drainTimeoutMs: STOP_TIMEOUT_MS })),
    );
    return [];
  });
  await step(async () => {
    const running = processesOf(instance.envoyCgroup).length > 0;
    await killCgroup(instance.envoyCgroup);
    return running ? ['- envoy'] : [];
  });
  await step(() => {
    const { removed, openSockets, problems } = removeDataplane(instance);
    if (problems.length > 0) throw new ShuntError('E_BPF_ATTACH', `data plane not removed: ${problems.join('; ')}`);
    const held = openSockets === 0 ? '' : ` (${openSockets} open sockets hold the paused program until they close)`;
    return removed ? [`- data plane${held}`] : [];
  });
  for (const key of workloads) {
    await step(async () => {
      await removeNetns(instance, key);
      return [`- workload ${key}`];
    });
  }
  await step(async () => {
    const existed = existsSync(instance.cgroup);
    await removeCgroup(instance.cgroup);
    return existed ? ['- cgroups'] : [];
  });
  if (!options.keepRunDir) await step(() => (removeStateDirectory(instance) ? ['- state'] : []));
  for (const shared of [dirname(instance.cgroup), dirname(instance.bpfRoot), dirname(instance.runDir)]) {
    removeIfEmpty(shared);
  }
  if (failures.length > 0) throw failures[0];
  return changes;
}

/** Other instances keep theirs. */
function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(join(dir));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY', 'EEXIST'].includes(code)) throw error;
  }
}

/**
 * What was started last in each workload, in the state directory. The environment of the process would tell as well, but
 * programs that write their title over it (Redis, nginx) erase it.
 */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Instance, type ResourceKey, workloadCgroup } from '../instance.ts';
import { processesOf } from '../workload/cgroup.ts';
import { isRunning, type MainProcess, mainProcess, startTicksOf } from '../workload/processes.ts';
import { readIfExists, replaceFile } from './state.ts';

function recordFile(instance: Instance, key: ResourceKey): string {
  return join(instance.runDir, 'runs', `${key.replace('/', '.')}.json`);
}

/** A process that is gone already is not recorded. */
export function recordMain(instance: Instance, key: ResourceKey, pid: number, hash: string): void {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined) return;
  const file = recordFile(instance, key);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  replaceFile(file, JSON.stringify({ pid, startTicks, hash } satisfies MainProcess));
}

/** What runs in the workload as its command; undefined: nothing, or it is still being executed. */
export function runningMain(instance: Instance, key: ResourceKey): MainProcess | undefined {
  return recordedMain(instance, key) ?? mainProcess(workloadCgroup(instance, key));
}

/** Undefined unless the recorded process runs, in the workload's cgroup. */
function recordedMain(instance: Instance, key: ResourceKey): MainProcess | undefined {
  const text = readIfExists(recordFile(instance, key));
  if (text === undefined) return undefined;
  const main = JSON.parse(text) as MainProcess;
  const inside = processesOf(workloadCgroup(instance, key)).includes(main.pid);
  return inside && isRunning(main) ? main : undefined;
}

/** CPU time of a process from the scheduler's own account, which counts nanoseconds where /proc/PID/stat counts ticks. */
import { readdirSync, readFileSync } from 'node:fs';

/** Of all its threads that live, in nanoseconds. Needs CONFIG_SCHED_INFO (Debian's kernels have it). */
export function cpuTimeNs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, ns) => sum + ns, 0);
}

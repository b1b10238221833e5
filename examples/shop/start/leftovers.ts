/** Looks for whatever an instance could leave behind, by names alone. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Instance } from '../../../src/instance.ts';

/** A program whose work is done still needs a moment to end, on a busy machine. */
const GRACE_MS = 3000;
const POLL_MS = 50;

/** One line for each thing that is left, once nothing is or the grace is over; `pids` are the processes that ran. */
export async function leftovers(instance: Instance, pids: ReadonlySet<number>): Promise<string[]> {
  const deadlineMs = performance.now() + GRACE_MS;
  for (;;) {
    const found = leftNow(instance, pids);
    if (found.length === 0 || performance.now() > deadlineMs) return found;
    await delay(POLL_MS);
  }
}

function leftNow(instance: Instance, pids: ReadonlySet<number>): string[] {
  const directories = [instance.runDir, instance.bpfRoot, instance.cgroup].filter((path) => existsSync(path));
  const namespaces = namesIn('/run/netns')
    .filter((name) => name.startsWith(`shunt.${instance.name}.`))
    .map((name) => `/run/netns/${name}`);
  const devices = namesIn('/sys/class/net').filter((name) =>
    (textOf(`/sys/class/net/${name}/ifalias`) ?? '').startsWith(`shunt:${instance.name}:`),
  );
  const processes = [...pids].filter((pid) => belongsTo(pid, instance)).map(describeProcess);
  const mounts = (textOf('/proc/self/mounts') ?? '').split('\n').filter((line) => line.includes(`${instance.runDir}/`));
  return [...directories, ...namespaces, ...devices.map((name) => `device ${name}`), ...processes, ...mounts];
}

/**
 * A pid may be another program's by now: that one is not in the instance's cgroup and was not started for it. A process that
 * has ended and waits for its parent to ask (a zombie) holds nothing but its number.
 */
function belongsTo(pid: number, instance: Instance): boolean {
  if (/^State:\s+Z/m.test(textOf(`/proc/${pid}/status`) ?? '')) return false;
  const cgroup = textOf(`/proc/${pid}/cgroup`) ?? '';
  const command = textOf(`/proc/${pid}/cmdline`) ?? '';
  return cgroup.includes(`/shunt/${instance.name}/`) || command.split('\0').includes(instance.name);
}

function describeProcess(pid: number): string {
  const command = (textOf(`/proc/${pid}/cmdline`) ?? '').split('\0').join(' ').trim();
  return `process ${pid} (${command.slice(0, 120)})`;
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

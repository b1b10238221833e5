/** Cgroups (v2) of workloads and proxies: made, emptied and removed. Least kernel 5.10; cgroup.kill is used from 5.14. */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ShuntError } from '../errors.ts';
import { whenEmpty } from './populated.ts';

/** Controllers that shunt's cgroups pass on to their children, where the parent offers them. */
const CONTROLLERS = ['cpu', 'memory', 'pids'];
const REMOVE_TIMEOUT_MS = 10_000;
/** A killed process that forked meanwhile left a child; on kernels without cgroup.kill it is found in the next round. */
const KILL_ROUND_MS = 20;

/** Limits of one cgroup; an absent one is not touched. */
export interface CgroupLimits {
  /** memory.max, bytes. */
  readonly memoryMaxBytes?: number;
  /** cpu.max, in percent of one CPU. */
  readonly cpuMaxPercent?: number;
}

/**
 * Makes the cgroup and its parents, and sets the limits. Idempotent. `shuntRoot` is the highest cgroup that belongs to shunt;
 * controllers are passed on from there down, so that nothing outside it changes.
 * @returns the limits that this machine cannot set because its v2 hierarchy does not have the controller.
 * @throws E_SYSCALL
 */
export function ensureCgroup(path: string, shuntRoot: string, limits: CgroupLimits = {}): (keyof CgroupLimits)[] {
  attempt('mkdir', path, () => mkdirSync(path, { recursive: true }));
  const parents: string[] = [];
  for (let parent = dirname(path); parent.startsWith(shuntRoot); parent = dirname(parent)) parents.unshift(parent);
  for (const parent of parents) passOnControllers(parent);

  const unsupported: (keyof CgroupLimits)[] = [];
  const available = words(join(path, 'cgroup.controllers'));
  if (limits.memoryMaxBytes !== undefined) {
    if (available.includes('memory')) write(join(path, 'memory.max'), String(limits.memoryMaxBytes));
    else unsupported.push('memoryMaxBytes');
  }
  if (limits.cpuMaxPercent !== undefined) {
    if (available.includes('cpu')) write(join(path, 'cpu.max'), `${limits.cpuMaxPercent * 1000} 100000`);
    else unsupported.push('cpuMaxPercent');
  }
  return unsupported;
}

/**
 * Kills what runs in the cgroup and below it, waits until all of it is gone, and removes the directories, leaves first.
 * An absent cgroup is no error.
 * @throws E_TIMEOUT when a process does not die within 10 s (it waits in the kernel); names it.
 */
export async function removeCgroup(path: string): Promise<void> {
  if (!exists(path)) return;
  await killCgroup(path);
  removeDirectories(path);
}

/** SIGKILL to every process in the cgroup and below it, those that fork meanwhile included; resolves when all are gone. */
export async function killCgroup(path: string, timeoutMs = REMOVE_TIMEOUT_MS): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    const atOnce = killAll(path);
    if (await whenEmpty(path, Math.max(0, atOnce ? leftMs : Math.min(leftMs, KILL_ROUND_MS)))) return;
    if (performance.now() >= deadlineMs) {
      throw new ShuntError(
        'E_TIMEOUT',
        `cgroup ${path}: still holds processes ${processesOf(path).join(', ')} after ${timeoutMs} ms of SIGKILL`,
      );
    }
  }
}

/** Pids in the cgroup and below it, in no order. Empty when the cgroup does not exist. */
export function processesOf(path: string): number[] {
  const own = words(join(path, 'cgroup.procs')).map(Number);
  return [...own, ...children(path).flatMap(processesOf)];
}

/** True: the kernel kills the whole tree at once. */
function killAll(path: string): boolean {
  try {
    writeFileSync(join(path, 'cgroup.kill'), '1', { flag: 'r+' });
    return true;
  } catch {
    for (const pid of processesOf(path)) signalIfAlive(pid, 'SIGKILL');
    return false;
  }
}

/** True unless the process was gone. */
export function signalIfAlive(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw new ShuntError('E_SYSCALL', `kill ${pid} ${signal}: ${(error as Error).message}`, { cause: error });
  }
}

function passOnControllers(path: string): void {
  const offered = words(join(path, 'cgroup.controllers'));
  const passed = words(join(path, 'cgroup.subtree_control'));
  const missing = CONTROLLERS.filter((name) => offered.includes(name) && !passed.includes(name));
  if (missing.length > 0) write(join(path, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '));
}

function removeDirectories(path: string): void {
  for (const child of children(path)) removeDirectories(child);
  attempt('rmdir', path, () => rmdirSync(path));
}

function children(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(path, entry.name));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** ENODEV: the file was open while its cgroup was removed. */
function words(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(/\s+/).filter(Boolean);
  } catch (error) {
    if (isGone(error)) return [];
    throw new ShuntError('E_SYSCALL', `read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function exists(path: string): boolean {
  try {
    readFileSync(join(path, 'cgroup.events'));
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw new ShuntError('E_SYSCALL', `read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function write(path: string, text: string): void {
  attempt('write', path, () => writeFileSync(path, text));
}

function attempt(what: string, path: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (what === 'rmdir' && isGone(error)) return;
    const { message, syscall } = error as NodeJS.ErrnoException;
    throw new ShuntError('E_SYSCALL', `${what} ${path}: ${message}`, { cause: error, syscall: syscall ?? what });
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}

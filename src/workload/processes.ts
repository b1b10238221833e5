/** Finds and stops what runs in a workload's cgroup, whoever started it. */
import { readFileSync } from 'node:fs';
import { ShuntError } from '../errors.ts';
import { killCgroup, processesOf, signalIfAlive } from './cgroup.ts';
import { RUN_HASH_VARIABLE } from './chain.ts';
import { whenEmpty } from './populated.ts';

export interface MainProcess {
  readonly pid: number;
  /** With the pid it names one process for ever: field 22 of proc(5), clock ticks since boot. */
  readonly startTicks: number;
  /** SHUNT_RUN_HASH of its environment. */
  readonly hash: string;
}

const DRAIN_TIMEOUT_MS = 10_000;
const EXIT_POLL_MS = 100;

/**
 * The program that {@link launch} started in the cgroup: the oldest session leader that carries a run hash (its children
 * inherit the variable). Undefined while it is still being executed, and when it is gone.
 */
export function mainProcess(cgroup: string): MainProcess | undefined {
  return processesOf(cgroup)
    .map(describe)
    .filter((process) => process !== undefined)
    .sort((a, b) => a.startTicks - b.startTicks)[0];
}

/** True while the process exists and has not ended (a zombie has). */
export function isRunning(main: Pick<MainProcess, 'pid' | 'startTicks'>): boolean {
  const stat = statOf(main.pid);
  return stat !== undefined && stat.startTicks === main.startTicks && stat.state !== 'Z';
}

/** For a process that is not a child of this one, whose end nobody announces. The wait does not keep the process alive. */
export function whenGone(main: Pick<MainProcess, 'pid' | 'startTicks'>, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => clearInterval(timer);
    const look = () => {
      if (isRunning(main)) return;
      stop();
      resolve();
    };
    const timer = setInterval(look, EXIT_POLL_MS).unref();
    signal?.addEventListener('abort', () => {
      stop();
      reject(new ShuntError('E_TIMEOUT', `process ${main.pid} still runs`, { cause: signal.reason }));
    });
    look();
  });
}

/**
 * SIGTERM to every process of the cgroup; what still runs after `drainTimeoutMs` (default 10 s) is killed. Returns when
 * the cgroup holds no process. An empty or absent cgroup is no error.
 * @returns true when all ended on their own. @throws E_TIMEOUT when a process survives SIGKILL for 10 s.
 */
export async function stopWorkload(
  cgroup: string,
  options: { readonly drainTimeoutMs?: number } = {},
): Promise<boolean> {
  for (const pid of processesOf(cgroup)) signalIfAlive(pid, 'SIGTERM');
  if (await whenEmpty(cgroup, options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS)) return true;
  await killCgroup(cgroup);
  return false;
}

/** SHUNT_RUN_HASH of a process. Undefined when it has none (yet), and when it is gone. */
export function runHashOf(pid: number): string | undefined {
  const prefix = `${RUN_HASH_VARIABLE}=`;
  const variables = readProc(pid, 'environ')?.split('\0') ?? [];
  return variables.find((variable) => variable.startsWith(prefix))?.slice(prefix.length);
}

/** With the pid it names one process for ever; undefined when there is no such process. */
export function startTicksOf(pid: number): number | undefined {
  return statOf(pid)?.startTicks;
}

function describe(pid: number): MainProcess | undefined {
  const stat = statOf(pid);
  if (stat === undefined || stat.session !== pid) return undefined;
  const hash = runHashOf(pid);
  return hash === undefined ? undefined : { pid, startTicks: stat.startTicks, hash };
}

function statOf(pid: number): { state: string; session: number; startTicks: number } | undefined {
  const stat = readProc(pid, 'stat');
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses, and may hold both spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] as string, session: Number(fields[3]), startTicks: Number(fields[19]) };
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return undefined; // It ended between the listing and now.
  }
}

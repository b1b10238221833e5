/** Starts the program of a workload so that it outlives its starter. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, fchownSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { RunSpec } from '../config/model.ts';
import { ShuntError } from '../errors.ts';
import type { Instance, ResourceKey } from '../instance.ts';
import { type EnterOptions, type Entrance, entranceOf } from './enter.ts';
import type { Splice } from './readers.ts';

/** How a program ended: exactly one is not null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LaunchOptions extends EnterOptions {
  /** File that gets standard output and error, appended. Default {@link workloadLog}. */
  readonly logFile?: string;
}

export interface Launched {
  /** The program's own pid: the links before it execute one another in place. */
  readonly pid: number;
  /** Settles only while the starter lives; who adopts watches the cgroup. 125 to 127: it could not be executed, see the log. */
  readonly exited: Promise<Exit>;
}

/** Where what a workload prints goes. */
export function workloadLog(instance: Instance, workload: ResourceKey): string {
  return join(instance.logDir, `${workload.replace('/', '.')}.log`);
}

/** The same for equal specifications; SHUNT_RUN_HASH begins with it. 16 hex digits. */
export function runHash(run: RunSpec): string {
  const { command, env, user = 'root', workingDir } = run;
  const sortedEnv = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([command, sortedEnv, user, workingDir]))
    .digest('hex')
    .slice(0, 16);
}

/** Ends the run hash of a program that may use splice(2), so that who finds it knows that it must not be redirected to. */
const MAY_SPLICE = '+splice';

/** What {@link launch} needs for a workload with a `run` section. */
export function launchOptions(run: RunSpec, splice: Splice): EnterOptions & { readonly hash: string } {
  const { command, env, user, workingDir } = run;
  const hash = `${runHash(run)}${splice === 'allowed' ? MAY_SPLICE : ''}`;
  return { command, env, cwd: workingDir, splice, hash, ...(user === undefined ? {} : { user }) };
}

/** Was a program whose hash is `hash` started with these specifications? */
export function isRunOf(hash: string, run: RunSpec): boolean {
  return hash.replace(MAY_SPLICE, '') === runHash(run);
}

/** Was it started without the filter? Changing the workload's configuration does not change it. */
export function maySplice(hash: string): boolean {
  return hash.endsWith(MAY_SPLICE);
}

/**
 * Starts the command in the workload's namespace and cgroup, in a session of its own, with files and never pipes for output:
 * it goes on when this process dies, and does not keep this process alive.
 * @throws E_WORKLOAD, before anything is started, when something that it needs is missing (see {@link entranceOf}).
 */
export async function launch(instance: Instance, workload: ResourceKey, options: LaunchOptions): Promise<Launched> {
  const entrance = await entranceOf(instance, workload, options);
  const logFile = options.logFile ?? workloadLog(instance, workload);
  const log = openLog(logFile, entrance);
  try {
    const child = spawn(entrance.file, entrance.args, {
      cwd: entrance.cwd,
      env: entrance.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    const exited = exitOf(child);
    await spawned(child, workload);
    child.unref();
    return { pid: child.pid as number, exited };
  } finally {
    closeSync(log);
  }
}

/** Resolves when the child ended. Attach it in the same tick as the spawn, or a quick end is missed. */
export function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
}

/** @throws E_WORKLOAD when the first link could not be executed (out of memory, of processes). */
export function spawned(child: ChildProcess, workload: ResourceKey): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(
        new ShuntError('E_WORKLOAD', `workload ${workload}: it could not be started: ${cause.message}`, { cause }),
      ),
    );
  });
}

/** Owned by the workload's account: programs that open /dev/stderr again (nginx) are refused otherwise. */
function openLog(path: string, entrance: Entrance): number {
  let log: number | undefined;
  try {
    log = openSync(path, 'a', 0o600);
    if (entrance.account !== undefined) fchownSync(log, entrance.account.uid, entrance.account.gid);
    return log;
  } catch (cause) {
    if (log !== undefined) closeSync(log);
    throw new ShuntError('E_WORKLOAD', `log ${path}: ${(cause as Error).message}`, { cause });
  }
}

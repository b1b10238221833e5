/** Starts a program that outlives this process: own session, output to files, never a pipe that could break. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { ShuntError } from '../errors.ts';

export interface DetachedOptions {
  /** File that gets standard output and standard error, appended. Made 0600. */
  readonly logFile: string;
  /** The program enters this cgroup before it is executed, so that no moment of it is outside. */
  readonly cgroup?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** `$0` is the cgroup: the shell's text is fixed, nothing is built from input. */
const ENTER_CGROUP = 'echo 0 > "$0/cgroup.procs" && exec "$@"';

/** @returns the pid, the same before and after the exec. @throws E_COMMAND when the program cannot be started. */
export async function startDetached(command: readonly string[], options: DetachedOptions): Promise<number> {
  const words = options.cgroup === undefined ? command : ['/bin/sh', '-c', ENTER_CGROUP, options.cgroup, ...command];
  const [program = '', ...args] = words;
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const child = spawn(program, args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return child.pid ?? 0;
  } catch (cause) {
    throw new ShuntError('E_COMMAND', `start ${command[0]}: ${(cause as Error).message}`, { cause });
  } finally {
    closeSync(log);
  }
}

/** True while the process exists (a zombie too, which is not ours to reap). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

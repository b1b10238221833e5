/** Runs a command in a workload on the caller's terminal (`shunt run`). */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Instance, ResourceKey } from '../instance.ts';
import { type EnterOptions, entranceOf } from './enter.ts';
import { type Exit, exitOf, spawned } from './launch.ts';

/** What people and init systems send to a program that they started. SIGKILL and SIGSTOP cannot be passed on. */
const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
];

/** The terminal sends these to the whole foreground process group, so the command has them already. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH'];

/** Of the caller, so not meant for another account. */
const PERSONAL = ['HOME', 'USER', 'LOGNAME', 'SHELL'];

/**
 * Standard input, output and error are the caller's; the command stays in the caller's process group, so that job control
 * works; environment and working directory are the caller's too where `options` has none. Signals sent to the caller are
 * passed on; while it is in the foreground of a terminal, SIGINT, SIGQUIT and SIGWINCH are taken to be the terminal's own.
 * @returns how the command ended. 125 to 127: it could not be executed.
 * @throws E_WORKLOAD, before anything is started, when something that it needs is missing (see {@link entranceOf}).
 */
export async function runForeground(instance: Instance, workload: ResourceKey, options: EnterOptions): Promise<Exit> {
  const entrance = await entranceOf(instance, workload, {
    cwd: process.cwd(),
    env: callersEnvironment(options.user !== undefined),
    ...options,
  });
  const child = spawn(entrance.file, entrance.args, { cwd: entrance.cwd, env: entrance.env, stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals) => {
    if (!(FROM_TERMINAL.includes(signal) && inForeground())) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    const exited = exitOf(child);
    await spawned(child, workload);
    return await exited;
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}

function callersEnvironment(otherAccount: boolean): Record<string, string> {
  const entries = Object.entries(process.env) as [string, string][];
  return Object.fromEntries(entries.filter(([name]) => !(otherAccount && PERSONAL.includes(name))));
}

/** True when this process is in the foreground process group of its terminal (proc(5): pgrp and tpgid). */
function inForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [, , pgrp, , , tpgid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return pgrp === tpgid;
}

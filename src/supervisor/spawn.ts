/** Starts a supervisor in the background and waits until it answers. */
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import { isAlive, startDetached } from './detached.ts';
import { tryConnect } from './socket.ts';
import { createStateDirectories, readApplied, readIfExists } from './state.ts';

const MAIN = resolve(import.meta.dirname, '../cli/main.ts');
const START_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 25;

/**
 * `fresh`: the instance was never up, so that a failure of its first apply may take it down again.
 * @throws E_TIMEOUT, with the last line of its log, when it does not answer.
 */
export async function spawnSupervisor(instance: Instance): Promise<{ pid: number; fresh: boolean }> {
  createStateDirectories(instance);
  const fresh = readApplied(instance) === undefined;
  const logFile = join(instance.logDir, 'supervisor.log');
  const pid = await startDetached([process.execPath, MAIN, 'supervise', '--instance', instance.name], { logFile });
  const deadlineMs = systemClock.monotonicMs() + START_TIMEOUT_MS;
  while (!(await tryConnect(instance.apiSocket))) {
    if (!isAlive(pid) || systemClock.monotonicMs() > deadlineMs) {
      const last = readIfExists(logFile)?.trimEnd().split('\n').at(-1) ?? '';
      throw new ShuntError('E_TIMEOUT', `the supervisor did not start; ${logFile} ends with: ${last}`);
    }
    await delay(POLL_INTERVAL_MS);
  }
  return { pid, fresh };
}

/** The instance's lock: whoever holds it may change the instance as a whole. The kernel releases it when its holder dies. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Lock, tryLock } from '../bpf/flock.ts';
import { systemClock } from '../clock.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import { createStateDirectories } from './state.ts';

const POLL_INTERVAL_MS = 20;

/** Waits at most `timeoutMs` for another holder. The caller disposes it. @throws E_LOCKED */
export async function lockInstance(instance: Instance, timeoutMs = 0): Promise<Lock> {
  createStateDirectories(instance);
  const deadlineMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const lock = tryLock(instance.lockFile);
    if (lock !== undefined) return lock;
    if (systemClock.monotonicMs() >= deadlineMs) {
      throw new ShuntError(
        'E_LOCKED',
        `another supervisor runs instance ${instance.name}; see: shunt --instance ${instance.name} status`,
      );
    }
    await delay(POLL_INTERVAL_MS);
  }
}

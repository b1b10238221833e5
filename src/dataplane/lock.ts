/** One process at a time builds, adopts or removes the pins of an instance. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Lock, tryLock } from '../bpf/flock.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';

/** In the run directory, because bpffs holds no ordinary files. */
export function pinLockFile(instance: Instance): string {
  return join(instance.runDir, 'pins.lock');
}

/** Dispose it. @throws E_LOCKED when another process holds it. */
export function lockPins(instance: Instance): Lock {
  mkdirSync(instance.runDir, { recursive: true, mode: 0o700 });
  const lock = tryLock(pinLockFile(instance));
  if (lock === undefined) {
    throw new ShuntError(
      'E_LOCKED',
      `another process changes the data plane of instance ${instance.name} (lock ${pinLockFile(instance)}); try again`,
    );
  }
  return lock;
}

/** flock(2): held by an open file, released by the kernel however the process ends. */
import { closeSync, constants, openSync } from 'node:fs';
import { ShuntError } from '../errors.ts';
import { EAGAIN, failure } from './errors.ts';
import { errno, libc } from './ffi.ts';
import { track } from './registry.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Disposing it releases the lock; safe to call twice. The file stays, because removing it would race with the next holder. */
export type Lock = Disposable & {
  /** Of the lock file; closes on exec. */
  readonly fd: number;
};

/** Takes an exclusive lock on a file (made 0600 if absent). Undefined when another holds it. @throws E_SYSCALL. */
export function tryLock(path: string): Lock | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause) {
    throw new ShuntError('E_SYSCALL', `open lock file ${path}: ${(cause as Error).message}`, {
      cause,
      syscall: 'open',
    });
  }
  if (libc().flock(fd, LOCK_EX | LOCK_NB) < 0) {
    const error = errno();
    closeSync(fd);
    if (error === EAGAIN) return undefined;
    throw failure('E_SYSCALL', `lock ${path}`, 'flock', error);
  }
  const untrack = track(`lock ${path}`);
  let open = true;
  return {
    fd,
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      untrack();
      closeSync(fd);
    },
  };
}

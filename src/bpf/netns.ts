/** Network namespaces: enter one for a moment, and tell them apart. */
import { closeSync, openSync } from 'node:fs';
import { ShuntError } from '../errors.ts';
import { failure } from './errors.ts';
import { errno, libc } from './ffi.ts';

const CLONE_NEWNET = 0x40000000;
const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71;

function openNetns(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new ShuntError('E_SYSCALL', `open network namespace ${path}: ${(cause as Error).message}`, {
      cause,
      syscall: 'open',
    });
  }
}

/**
 * Runs `fn` with the calling thread in the network namespace at `path` (`/run/netns/NAME`, `/proc/PID/ns/net`) and returns
 * to where it was, whether `fn` throws or not. `fn` must be synchronous and call the kernel itself: what Node does
 * asynchronously runs in other threads or later, in the wrong namespace. If the thread cannot return, the process aborts:
 * to go on would open its next sockets in a workload's namespace. Needs CAP_SYS_ADMIN.
 * @throws E_SYSCALL; E_USAGE when `fn` returns a promise.
 */
export function inNetns<T>(path: string, fn: () => T): T {
  const target = openNetns(path);
  let home: number | undefined;
  try {
    home = openNetns('/proc/thread-self/ns/net');
    if (libc().setns(target, CLONE_NEWNET) < 0) {
      throw failure('E_SYSCALL', `enter network namespace ${path}`, 'setns', errno());
    }
    let result: T;
    try {
      result = fn();
    } finally {
      if (libc().setns(home, CLONE_NEWNET) < 0) process.abort();
    }
    if (result instanceof Promise) {
      throw new ShuntError('E_USAGE', `inNetns ${path}: the function returned a promise, expected a synchronous one`);
    }
    return result;
  } finally {
    closeSync(target);
    if (home !== undefined) closeSync(home);
  }
}

/** The number that the kernel gives a namespace for its lifetime; unique on the machine, never reused. Least kernel: 5.14. */
export function netnsCookie(path: string): bigint {
  return inNetns(path, () => {
    const fd = libc().socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
    if (fd < 0) throw failure('E_SYSCALL', `open a socket in ${path}`, 'socket', errno());
    try {
      const cookie = Buffer.alloc(8);
      if (libc().getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, new Uint32Array([cookie.length])) < 0) {
        throw failure('E_SYSCALL', `read the cookie of ${path}`, 'getsockopt', errno());
      }
      return cookie.readBigUInt64LE();
    } finally {
      libc().close(fd);
    }
  });
}

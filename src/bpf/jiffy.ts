/** The kernel's tick, which BPF programs count time in where a clock would cost too much. */
import { failure } from './errors.ts';
import { errno, libc } from './ffi.ts';

const CLOCK_MONOTONIC_COARSE = 6;
const NS_PER_MS = 1_000_000n;

/** Length of a jiffy: what the coarse clocks resolve. 1 to 10. @throws E_SYSCALL. */
export function jiffyMs(): number {
  const time = Buffer.alloc(16);
  if (libc().clockGetres(CLOCK_MONOTONIC_COARSE, time) < 0) {
    throw failure('E_SYSCALL', 'read the resolution of CLOCK_MONOTONIC_COARSE', 'clock_getres', errno());
  }
  return Number(time.readBigInt64LE(8)) / Number(NS_PER_MS);
}

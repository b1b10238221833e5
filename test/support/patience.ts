/**
 * Setup file of vitest, and what scales waits: SHUNT_TIMEOUT_FACTOR (default 1) says how many times slower than usual this
 * machine may be. scripts/kernels sets it for its emulated guests. Only waits for something that must come are scaled,
 * so a passing test takes as long as before.
 */
import { vi } from 'vitest';

export const TIMEOUT_FACTOR = Number(process.env.SHUNT_TIMEOUT_FACTOR || 1);

/** As long as `ms` is on a machine of usual speed. */
export function patient(ms: number): number {
  return ms * TIMEOUT_FACTOR;
}

/** vitest's own default. */
const WAIT_FOR_MS = 1000;

const waitFor = vi.waitFor;
vi.waitFor = (callback, options) => {
  const given = typeof options === 'number' ? { timeout: options } : { ...options };
  return waitFor(callback, { ...given, timeout: patient(given.timeout ?? WAIT_FOR_MS) });
};

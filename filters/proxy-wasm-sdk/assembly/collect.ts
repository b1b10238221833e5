/**
 * Garbage collection. The minimal runtime never collects by itself, and it must not while filter code runs: it does not see
 * references on the stack. Between callbacks there are none, so `leave()` collects there, each time a quarter of the
 * heap was handed out. To count that, asconfig.json puts the two functions below in place of the runtime's.
 */
// @ts-ignore: the runtime's own module
import { __new as newObject, __renew as renewObject } from "rt/tcms";

const LEAST_GARBAGE: usize = 32 * 1024;
/** Header and block of an object. */
const OVERHEAD: usize = 20;

let handedOut: usize = 0;

/** @internal `--use __new=proxyWasmNew` */
// @ts-ignore: decorator
@global @unsafe
export function proxyWasmNew(size: usize, id: i32): usize {
  handedOut += size + OVERHEAD;
  return newObject(size, id);
}

/** @internal `--use __renew=proxyWasmRenew` */
// @ts-ignore: decorator
@global @unsafe
export function proxyWasmRenew(object: usize, size: usize): usize {
  handedOut += size + OVERHEAD;
  return renewObject(object, size);
}

/** @internal Between callbacks only. */
export function collectGarbage(): void {
  const quarter = (<usize>memory.size() << 16) / 4;
  if (handedOut < max(quarter, LEAST_GARBAGE)) return;
  __collect();
  handedOut = 0;
}

/**
 * Garbage collection. The minimal runtime never collects by itself, and it must not while filter code runs: it does not see
 * references on the stack. Between callbacks there are none, so `leave()` collects there: after many callbacks, or at once
 * when the heap had to grow. TLSF doubles the heap when it grows, so each growth also halves the number of callbacks to
 * wait for; garbage soon fits into what is free, and memory stays flat.
 */
const LONGEST_WAIT: u32 = 16384;
const SHORTEST_WAIT: u32 = 16;

let wait: u32 = LONGEST_WAIT;
let callbacks: u32 = 0;
let pages: i32 = memory.size();
let asked: bool = false;

/** @internal Between callbacks only. */
export function collectGarbage(): void {
  if (++callbacks < wait && !asked && memory.size() == pages) return;
  if (!asked && memory.size() != pages) wait = max(wait / 2, SHORTEST_WAIT);
  __collect();
  asked = false;
  callbacks = 0;
  pages = memory.size();
}

/** After something big went away (a configuration was read or dropped): collect when this callback ends. */
export function collectSoon(): void {
  asked = true;
}

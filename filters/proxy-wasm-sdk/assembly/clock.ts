import { OUT } from "./arena";
import { proxy_get_current_time_nanoseconds, proxy_set_tick_period_milliseconds } from "./imports";
import { Status } from "./status";

/** Wall clock, nanoseconds since 1970. 0 where the host has no clock. */
export function nowNs(): u64 {
  return proxy_get_current_time_nanoseconds(OUT) == Status.Ok ? load<u64>(OUT) : 0;
}

/**
 * Calls the root's `onTick` every so often; 0 stops. It comes in every worker's VM: what all share is changed by elapsed
 * time and compare-and-swap (shared.ts), not by counting ticks.
 */
export function setTickPeriodMs(periodMs: u32): Status {
  return proxy_set_tick_period_milliseconds(periodMs);
}

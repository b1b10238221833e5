/** For filters that have something to end before a context goes: without it, every context is done at once. */
import { enter, leave } from "../arena";
import { contextOf } from "../registry";

export function proxy_on_done(id: u32): u32 {
  enter();
  const context = contextOf(id);
  const done = context === null || context.onDone();
  leave();
  return done ? 1 : 0;
}

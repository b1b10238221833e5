import { enter, leave } from "../arena";
import { contextOf } from "../registry";

export function proxy_on_log(id: u32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onLog();
  leave();
}

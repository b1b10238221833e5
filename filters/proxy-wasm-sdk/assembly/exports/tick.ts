import { enter, leave } from "../arena";
import { rootOf } from "../registry";

export function proxy_on_tick(id: u32): void {
  enter();
  const root = rootOf(id);
  if (root !== null) root.onTick();
  leave();
}

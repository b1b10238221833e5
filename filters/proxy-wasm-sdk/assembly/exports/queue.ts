import { enter, leave } from "../arena";
import { rootOf } from "../registry";

export function proxy_on_queue_ready(id: u32, token: u32): void {
  enter();
  const root = rootOf(id);
  if (root !== null) root.onQueueReady(token);
  leave();
}

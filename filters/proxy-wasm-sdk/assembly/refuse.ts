import { knows } from "./registry";
import { localReply } from "./reply";
import { Action } from "./status";

const DETAILS = String.UTF8.encode("proxy_wasm_unknown_context");
const EMPTY = new ArrayBuffer(0);

/**
 * @internal A callback without a context. A stream that a root let pass goes on; one that no root ever saw (its
 * configuration is gone, or the host is mistaken) is answered with 500: a filter must not be passed by because of that.
 */
export function withoutContext(id: u32): i32 {
  if (knows(id)) return Action.Continue;
  localReply(500, DETAILS, EMPTY);
  return Action.Pause;
}

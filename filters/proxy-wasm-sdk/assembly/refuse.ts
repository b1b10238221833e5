import { localReply } from "./reply";
import { Action } from "./status";

const DETAILS = String.UTF8.encode("proxy_wasm_unknown_context");
const EMPTY = new ArrayBuffer(0);

/**
 * @internal A callback for a stream that no root ever saw: its configuration is gone, or the host is mistaken. It is
 * answered with 500: a filter must not be passed by because of that.
 */
export function withoutContext(): i32 {
  localReply(500, DETAILS, EMPTY);
  return Action.Pause;
}

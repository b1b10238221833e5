import { enter, leave } from "../arena";
import { withoutContext } from "../refuse";
import { httpOf } from "../registry";

export function proxy_on_request_body(id: u32, size: i32, endOfStream: i32): i32 {
  enter();
  const context = httpOf(id);
  const action = context === null ? withoutContext() : <i32>context.onRequestBody(size, endOfStream != 0);
  leave();
  return action;
}

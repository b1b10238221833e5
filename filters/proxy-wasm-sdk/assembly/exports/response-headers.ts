import { enter, leave } from "../arena";
import { withoutContext } from "../refuse";
import { httpOf } from "../registry";

export function proxy_on_response_headers(id: u32, count: i32, endOfStream: i32): i32 {
  enter();
  const context = httpOf(id);
  const action = context === null ? withoutContext() : <i32>context.onResponseHeaders(count, endOfStream != 0);
  leave();
  return action;
}

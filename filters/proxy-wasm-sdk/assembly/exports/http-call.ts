import { enter, leave } from "../arena";
import { contextOf } from "../registry";

export function proxy_on_http_call_response(id: u32, token: u32, headers: i32, bodySize: i32, trailers: i32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onHttpCallResponse(token, headers, bodySize, trailers);
  leave();
}

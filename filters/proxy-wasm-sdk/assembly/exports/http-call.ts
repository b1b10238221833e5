import { enter, leave } from "../arena";
import { endHttp } from "../calls";

export function proxy_on_http_call_response(id: u32, token: u32, headers: i32, bodySize: i32, trailers: i32): void {
  enter();
  const context = endHttp(token);
  if (context !== null) {
    context.enterHost();
    context.onHttpCallResponse(token, headers, bodySize, trailers);
  }
  leave();
}

import { Context } from "./context";
import { ContextMap } from "./contextmap";
import { proxy_grpc_cancel } from "./imports";
import { whenGone } from "./registry";

/**
 * @internal Who waits for which call-out. Envoy makes all calls in the name of the root and tells it alone, also when the
 * stream that asked has ended: here an answer finds the context that asked, or nobody.
 */

// @ts-ignore: decorator
@lazy const http = new ContextMap();
/** gRPC calls of one message: their answer is their end. */
// @ts-ignore: decorator
@lazy const unary = new ContextMap();
// @ts-ignore: decorator
@lazy const streams = new ContextMap();

export function beginHttp(context: Context, token: u32): void {
  http.set(token, context);
}

/** Who asked, for the one answer; null where it has ended. */
export function endHttp(token: u32): Context | null {
  const context = http.find(token);
  http.delete(token);
  return context === null || context.gone ? null : context;
}

export function beginGrpc(context: Context, token: u32, isUnary: bool): void {
  if (isUnary) unary.set(token, context);
  else streams.set(token, context);
  let open = context.openCalls;
  if (open === null) {
    open = [];
    context.openCalls = open;
  }
  open.push(token);
  whenGone(cancelAll);
}

/** Who a message is for. */
export function grpcReceiver(token: u32): Context | null {
  return unary.find(token) === null ? streams.find(token) : endGrpc(token);
}

/** Who waits for the rest of it. */
export function grpcWaiting(token: u32): Context | null {
  const context = unary.find(token);
  return context === null ? streams.find(token) : context;
}

export function endGrpc(token: u32): Context | null {
  const context = grpcWaiting(token);
  unary.delete(token);
  streams.delete(token);
  if (context === null) return null;
  const open = context.openCalls;
  const at = open === null ? -1 : open.indexOf(token);
  if (open !== null && at >= 0) {
    open[at] = open[open.length - 1];
    open.pop();
  }
  return context;
}

/** A stream of gRPC would stay open for ever. An HTTP call cannot be cancelled: it has its time. */
function cancelAll(context: Context): void {
  const open = context.openCalls;
  if (open === null) return;
  for (let i = 0; i < open.length; i++) {
    unary.delete(open[i]);
    streams.delete(open[i]);
    proxy_grpc_cancel(open[i]);
  }
  context.openCalls = null;
}

import { enter, leave } from "../arena";
import { tcpOf } from "../registry";
import { Action } from "../status";

/** Peer type of the ABI: the other end closed. */
const REMOTE: i32 = 2;

/** Of a connection that no root ever saw nothing goes on. */
export function proxy_on_new_connection(id: u32): i32 {
  enter();
  const context = tcpOf(id);
  const action = context === null ? Action.Pause : context.onNewConnection();
  leave();
  return action;
}

export function proxy_on_downstream_data(id: u32, size: i32, endOfStream: i32): i32 {
  enter();
  const context = tcpOf(id);
  const action = context === null ? <i32>Action.Pause : <i32>context.onDownstreamData(size, endOfStream != 0);
  leave();
  return action;
}

export function proxy_on_upstream_data(id: u32, size: i32, endOfStream: i32): i32 {
  enter();
  const context = tcpOf(id);
  const action = context === null ? <i32>Action.Pause : <i32>context.onUpstreamData(size, endOfStream != 0);
  leave();
  return action;
}

export function proxy_on_downstream_connection_close(id: u32, peer: i32): void {
  enter();
  const context = tcpOf(id);
  if (context !== null) context.onDownstreamClose(peer == REMOTE);
  leave();
}

export function proxy_on_upstream_connection_close(id: u32, peer: i32): void {
  enter();
  const context = tcpOf(id);
  if (context !== null) context.onUpstreamClose(peer == REMOTE);
  leave();
}

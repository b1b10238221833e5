import { enter, leave } from "../arena";
import { contextOf } from "../registry";

export function proxy_on_grpc_receive_initial_metadata(id: u32, token: u32, pairs: i32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onGrpcInitialMetadata(token, pairs);
  leave();
}

export function proxy_on_grpc_receive(id: u32, token: u32, size: i32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onGrpcMessage(token, size);
  leave();
}

export function proxy_on_grpc_receive_trailing_metadata(id: u32, token: u32, pairs: i32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onGrpcTrailingMetadata(token, pairs);
  leave();
}

export function proxy_on_grpc_close(id: u32, token: u32, status: i32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onGrpcClose(token, status);
  leave();
}

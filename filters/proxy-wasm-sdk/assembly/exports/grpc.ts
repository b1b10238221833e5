import { enter, leave } from "../arena";
import { endGrpc, grpcReceiver, grpcWaiting } from "../calls";

export function proxy_on_grpc_receive_initial_metadata(id: u32, token: u32, pairs: i32): void {
  enter();
  const context = grpcWaiting(token);
  if (context !== null) {
    context.enterHost();
    context.onGrpcInitialMetadata(token, pairs);
  }
  leave();
}

export function proxy_on_grpc_receive(id: u32, token: u32, size: i32): void {
  enter();
  const context = grpcReceiver(token);
  if (context !== null) {
    context.enterHost();
    context.onGrpcMessage(token, size);
  }
  leave();
}

export function proxy_on_grpc_receive_trailing_metadata(id: u32, token: u32, pairs: i32): void {
  enter();
  const context = grpcWaiting(token);
  if (context !== null) {
    context.enterHost();
    context.onGrpcTrailingMetadata(token, pairs);
  }
  leave();
}

export function proxy_on_grpc_close(id: u32, token: u32, status: i32): void {
  enter();
  const context = endGrpc(token);
  if (context !== null) {
    context.enterHost();
    context.onGrpcClose(token, status);
  }
  leave();
}

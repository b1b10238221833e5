import { OUT } from "./arena";
import { addressOf, Bytes, outBytes } from "./bytes";
import { Started, started } from "./callout";
import { beginGrpc, endGrpc } from "./calls";
import { Context } from "./context";
import {
  proxy_get_status,
  proxy_grpc_call,
  proxy_grpc_cancel,
  proxy_grpc_close,
  proxy_grpc_send,
  proxy_grpc_stream,
} from "./imports";
import { PairList } from "./pairs";
import { GrpcStatus, Status } from "./status";

/**
 * Calls a unary method. `target`: a cluster's name, or Envoy's GrpcService message. The answer comes to `context` as
 * `onGrpcMessage`, a failure as `onGrpcClose`, with `exports/grpc`. Where the context ends first, the call is cancelled.
 */
export function grpcCall(
  context: Context,
  target: ArrayBuffer,
  service: string,
  method: string,
  metadata: PairList,
  message: ArrayBuffer,
  timeoutMs: u32,
): Started {
  const serviceName = String.UTF8.encode(service);
  const methodName = String.UTF8.encode(method);
  const pairs = metadata.serialise();
  const call = started(
    proxy_grpc_call(
      addressOf(target), target.byteLength, addressOf(serviceName), serviceName.byteLength, addressOf(methodName),
      methodName.byteLength, pairs.start, pairs.length, addressOf(message), message.byteLength, timeoutMs, OUT,
    ),
  );
  if (call.status == Status.Ok) beginGrpc(context, call.token, true);
  return call;
}

/** Opens a stream; `token` is what the functions below take. It is cancelled when `context` ends. */
export function grpcStream(
  context: Context,
  target: ArrayBuffer,
  service: string,
  method: string,
  metadata: PairList,
): Started {
  const serviceName = String.UTF8.encode(service);
  const methodName = String.UTF8.encode(method);
  const pairs = metadata.serialise();
  const call = started(
    proxy_grpc_stream(
      addressOf(target), target.byteLength, addressOf(serviceName), serviceName.byteLength, addressOf(methodName),
      methodName.byteLength, pairs.start, pairs.length, OUT,
    ),
  );
  if (call.status == Status.Ok) beginGrpc(context, call.token, false);
  return call;
}

/** `endStream`: the last message of this side. */
export function grpcSend(token: u32, message: ArrayBuffer, endStream: bool): Status {
  return proxy_grpc_send(token, addressOf(message), message.byteLength, endStream ? 1 : 0);
}

/** This side has no more to send; answers still come. */
export function grpcClose(token: u32): Status {
  return proxy_grpc_close(token);
}

/** Ends a call or stream; no callback comes any more. */
export function grpcCancel(token: u32): Status {
  endGrpc(token);
  return proxy_grpc_cancel(token);
}

/** The status of the call that ends, inside `onGrpcClose`. */
export function grpcEndStatus(): GrpcStatus {
  return proxy_get_status(OUT, OUT + 4, OUT + 8) == Status.Ok ? <GrpcStatus>load<i32>(OUT) : GrpcStatus.Unknown;
}

/** The message that goes with it; null where the host has none. */
export function grpcEndMessage(): Bytes | null {
  if (proxy_get_status(OUT + 8, OUT, OUT + 4) != Status.Ok) return null;
  return outBytes();
}

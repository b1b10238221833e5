import { addressOf } from "./bytes";
import { proxy_send_local_response } from "./imports";
import { PairList } from "./pairs";
import { GrpcStatus, Status } from "./status";

/**
 * Answers the request instead of passing it on; the callback returns `Action.Pause` after it. `details` appears as
 * %RESPONSE_CODE_DETAILS%. To a gRPC request Envoy answers 200 with `grpcStatus` and the body as its message.
 */
export function localReply(
  httpStatus: i32,
  details: ArrayBuffer,
  body: ArrayBuffer,
  headers: PairList | null = null,
  grpcStatus: GrpcStatus = GrpcStatus.Unset,
): Status {
  let start: usize = 0;
  let size = 0;
  if (headers !== null) {
    const block = headers.serialise();
    start = block.start;
    size = block.length;
  }
  return proxy_send_local_response(
    httpStatus, addressOf(details), details.byteLength, addressOf(body), body.byteLength, start, size, grpcStatus,
  );
}

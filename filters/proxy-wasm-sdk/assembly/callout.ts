import { allocate, OUT } from "./arena";
import { addressOf } from "./bytes";
import { beginHttp } from "./calls";
import { Context } from "./context";
import { proxy_http_call } from "./imports";
import { PairList } from "./pairs";
import { Status } from "./status";

/** How a call-out began. */
@unmanaged
export class Started {
  /** Anything but Ok: nothing was sent, no callback will come. */
  status: Status = Status.Ok;
  /** What the callback names; valid only where the status is Ok. */
  token: u32 = 0;
}

/** @internal */
export function started(status: Status): Started {
  const result = changetype<Started>(allocate(offsetof<Started>()));
  result.status = status;
  result.token = status == Status.Ok ? load<u32>(OUT) : 0;
  return result;
}

/**
 * Sends a request to a cluster of the proxy. `headers` has `:method`, `:path` and `:authority`. The answer comes to `context` as
 * `onHttpCallResponse`, with `exports/http-call`; a stream waits for it with `Action.Pause` and `resumeRequest()`. Where the
 * context ends first, nobody is told: the call goes on for `timeoutMs` at most, and nothing stays of it.
 */
export function httpCall(
  context: Context,
  cluster: string,
  headers: PairList,
  body: ArrayBuffer,
  timeoutMs: u32,
  trailers: PairList | null = null,
): Started {
  const name = String.UTF8.encode(cluster);
  const pairs = headers.serialise();
  const last = (trailers === null ? new PairList() : trailers).serialise();
  const call = started(
    proxy_http_call(
      addressOf(name), name.byteLength, pairs.start, pairs.length, addressOf(body), body.byteLength,
      last.start, last.length, timeoutMs, OUT,
    ),
  );
  if (call.status == Status.Ok) beginHttp(context, call.token);
  return call;
}

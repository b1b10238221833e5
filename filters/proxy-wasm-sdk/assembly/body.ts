import { OUT } from "./arena";
import { addressOf, Bytes, outBytes } from "./bytes";
import { proxy_get_buffer_bytes, proxy_get_buffer_status, proxy_set_buffer_bytes } from "./imports";
import { Buffer, Status } from "./status";

/** A body, a chunk of TCP data, a message or a configuration: what the current callback is about. */
export class Body {
  constructor(readonly buffer: Buffer) {}

  /** Bytes that are there now, or -1 where there is no such buffer in this callback. */
  size(): i32 {
    return proxy_get_buffer_status(this.buffer, OUT, OUT + 4) == Status.Ok ? load<i32>(OUT) : -1;
  }

  /** At most `size` bytes from `start`; fewer where fewer are there; null where there is no such buffer. */
  read(start: i32 = 0, size: i32 = i32.MAX_VALUE): Bytes | null {
    const status = proxy_get_buffer_bytes(this.buffer, start, size, OUT, OUT + 4);
    return status == Status.Ok ? outBytes() : null;
  }

  /** Puts `bytes` in place of `size` bytes from `start`. */
  replace(start: i32, size: i32, bytes: ArrayBuffer): Status {
    return proxy_set_buffer_bytes(this.buffer, start, size, addressOf(bytes), bytes.byteLength);
  }

  prepend(bytes: ArrayBuffer): Status {
    return this.replace(0, 0, bytes);
  }

  append(bytes: ArrayBuffer): Status {
    return this.replace(i32.MAX_VALUE, 0, bytes);
  }

  set(bytes: ArrayBuffer): Status {
    return this.replace(0, i32.MAX_VALUE, bytes);
  }
}

// @ts-ignore: decorator
@lazy
/** In `onRequestBody` only. */
export const requestBody = new Body(Buffer.RequestBody);
// @ts-ignore: decorator
@lazy
/** In `onResponseBody` only. */
export const responseBody = new Body(Buffer.ResponseBody);
// @ts-ignore: decorator
@lazy
/** What came from the client, in `onDownstreamData` only. */
export const downstreamData = new Body(Buffer.DownstreamData);
// @ts-ignore: decorator
@lazy
/** What came from the upstream, in `onUpstreamData` only. */
export const upstreamData = new Body(Buffer.UpstreamData);
/** In `onHttpCallResponse` only. */
// @ts-ignore: decorator
@lazy
export const callResponseBody = new Body(Buffer.HttpCallResponseBody);
/** In `onGrpcMessage` only. */
// @ts-ignore: decorator
@lazy
export const grpcMessage = new Body(Buffer.GrpcMessage);
/** In `onForeignFunction` only. */
// @ts-ignore: decorator
@lazy
export const foreignArgument = new Body(Buffer.ForeignFunctionArgument);
// @ts-ignore: decorator
@lazy
const vmConfiguration = new Body(Buffer.VmConfiguration);
// @ts-ignore: decorator
@lazy
const pluginConfiguration = new Body(Buffer.PluginConfiguration);

/** The configuration of the plugin or VM: empty where there is none. */
export function configuration(ofVm: bool, size: i32): Bytes {
  if (size <= 0) return Bytes.at(0, 0);
  const bytes = (ofVm ? vmConfiguration : pluginConfiguration).read(0, size);
  return bytes === null ? Bytes.at(0, 0) : bytes;
}

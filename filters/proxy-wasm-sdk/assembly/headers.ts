import { OUT } from "./arena";
import { addressOf, Bytes, outBytes } from "./bytes";
import {
  proxy_add_header_map_value,
  proxy_get_header_map_pairs,
  proxy_get_header_map_size,
  proxy_get_header_map_value,
  proxy_remove_header_map_value,
  proxy_replace_header_map_value,
  proxy_set_header_map_pairs,
} from "./imports";
import { PairList, Pairs } from "./pairs";
import { HeaderMap, Status } from "./status";

/** One map of headers or trailers of the current callback. Names are lower case. */
export class Headers {
  constructor(readonly map: HeaderMap) {}

  /**
   * The **first** value of `name`; null where the map has none. A peer may repeat a header: whoever decides by a header
   * other than the pseudo-headers reads `pairs()`.
   */
  first(name: ArrayBuffer): Bytes | null {
    const status = proxy_get_header_map_value(this.map, addressOf(name), name.byteLength, OUT, OUT + 4);
    return status == Status.Ok ? outBytes() : null;
  }

  /** All pairs in one call of the host. Empty where the map is not there in this callback. */
  pairs(): Pairs {
    const status = proxy_get_header_map_pairs(this.map, OUT, OUT + 4);
    return Pairs.of(status == Status.Ok ? outBytes() : Bytes.at(0, 0));
  }

  /** Size of the map in bytes (Envoy), or -1 where it is not there. */
  byteSize(): i32 {
    return proxy_get_header_map_size(this.map, OUT) == Status.Ok ? load<i32>(OUT) : -1;
  }

  /** A further value, behind those that are there. */
  add(name: ArrayBuffer, value: ArrayBuffer): Status {
    return proxy_add_header_map_value(this.map, addressOf(name), name.byteLength, addressOf(value), value.byteLength);
  }

  /** Sets the one value of `name`, adding it where it is absent. */
  set(name: ArrayBuffer, value: ArrayBuffer): Status {
    return proxy_replace_header_map_value(this.map, addressOf(name), name.byteLength, addressOf(value), value.byteLength);
  }

  /** Removes all values. */
  remove(name: ArrayBuffer): Status {
    return proxy_remove_header_map_value(this.map, addressOf(name), name.byteLength);
  }

  /** Replaces the whole map. */
  setAll(pairs: PairList): Status {
    const block = pairs.serialise();
    return proxy_set_header_map_pairs(this.map, block.start, block.length);
  }
}

// @ts-ignore: decorator
@lazy
/** In the callbacks of a request and of its response, and in `onLog`. */
export const requestHeaders = new Headers(HeaderMap.Request);
// @ts-ignore: decorator
@lazy
/** From `onRequestTrailers` on. */
export const requestTrailers = new Headers(HeaderMap.RequestTrailers);
// @ts-ignore: decorator
@lazy
/** From `onResponseHeaders` on. */
export const responseHeaders = new Headers(HeaderMap.Response);
// @ts-ignore: decorator
@lazy
/** From `onResponseTrailers` on. */
export const responseTrailers = new Headers(HeaderMap.ResponseTrailers);
/** In `onHttpCallResponse` only. */
// @ts-ignore: decorator
@lazy
export const callResponseHeaders = new Headers(HeaderMap.HttpCallResponse);
// @ts-ignore: decorator
@lazy
/** In `onHttpCallResponse` only. */
export const callResponseTrailers = new Headers(HeaderMap.HttpCallResponseTrailers);
/** In `onGrpcInitialMetadata` only. */
// @ts-ignore: decorator
@lazy
export const grpcInitialMetadata = new Headers(HeaderMap.GrpcInitialMetadata);
// @ts-ignore: decorator
@lazy
/** In `onGrpcTrailingMetadata` only. */
export const grpcTrailingMetadata = new Headers(HeaderMap.GrpcTrailingMetadata);

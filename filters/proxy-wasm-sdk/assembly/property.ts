import { OUT } from "./arena";
import { addressOf, Bytes, outBytes } from "./bytes";
import { proxy_get_property, proxy_set_property } from "./imports";
import { Status } from "./status";

/** Path of a property from its parts, as the ABI wants it (NUL between parts). Make it once, at the top of a module. */
export function propertyPath(parts: string[]): ArrayBuffer {
  return String.UTF8.encode(parts.join("\0"));
}

/**
 * A property of the stream, connection or node (Envoy's list: "attributes"). `null` where it is absent. Text can also be
 * present and empty; numbers are 8 bytes (`toU64`), booleans one.
 */
export function property(path: ArrayBuffer): Bytes | null {
  const status = proxy_get_property(addressOf(path), path.byteLength, OUT, OUT + 4);
  return status == Status.Ok ? outBytes() : null;
}

/** Sets a property of this stream; Envoy keeps it in filter state under `wasm.` and the path. */
export function setProperty(path: ArrayBuffer, value: ArrayBuffer): Status {
  return proxy_set_property(addressOf(path), path.byteLength, addressOf(value), value.byteLength);
}

import { OUT } from "./arena";
import { addressOf, Bytes, outBytes } from "./bytes";
import { proxy_call_foreign_function } from "./imports";
import { Status } from "./status";

// @ts-ignore: decorator
@lazy
const CLEAR_ROUTE_CACHE = String.UTF8.encode("clear_route_cache");
// @ts-ignore: decorator
@lazy
const EMPTY = new ArrayBuffer(0);

/** Calls a function that this host has beyond the ABI. null: it has none of that name, or it failed. */
export function callForeign(name: ArrayBuffer, argument: ArrayBuffer): Bytes | null {
  store<u64>(OUT, 0);
  const status = proxy_call_foreign_function(
    addressOf(name), name.byteLength, addressOf(argument), argument.byteLength, OUT, OUT + 4,
  );
  return status == Status.Ok ? outBytes() : null;
}

/** Has the route chosen again after headers were changed. False where the host cannot. */
export function clearRouteCache(): bool {
  return callForeign(CLEAR_ROUTE_CACHE, EMPTY) !== null;
}

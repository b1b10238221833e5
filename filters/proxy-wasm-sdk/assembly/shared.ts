import { allocate, OUT } from "./arena";
import { addressOf, Bytes, outBytes } from "./bytes";
import { proxy_get_shared_data, proxy_set_shared_data } from "./imports";
import { Status } from "./status";

/** No value ever has this number: the host counts up from 1. */
const NO_CAS: u32 = u32.MAX_VALUE;

/** A value that all VMs with the same vm_id see, and the number of the write that made it. */
@unmanaged
export class SharedValue {
  bytes: Bytes = changetype<Bytes>(0);
  cas: u32 = 0;
}

/** null where nobody set it. */
export function sharedGet(key: ArrayBuffer): SharedValue | null {
  if (proxy_get_shared_data(addressOf(key), key.byteLength, OUT, OUT + 4, OUT + 8) != Status.Ok) return null;
  const cas = load<u32>(OUT, 8);
  const value = changetype<SharedValue>(allocate(offsetof<SharedValue>()));
  value.bytes = outBytes();
  value.cas = cas;
  return value;
}

/**
 * Replaces the value that was read with `cas`. `CasMismatch`: another worker was faster, read again. A counter or bucket
 * that several workers change is changed by this alone.
 */
export function sharedReplace(key: ArrayBuffer, value: ArrayBuffer, cas: u32): Status {
  return proxy_set_shared_data(addressOf(key), key.byteLength, addressOf(value), value.byteLength, cas);
}

/** Sets it where it is absent. `CasMismatch`: it is there. */
export function sharedCreate(key: ArrayBuffer, value: ArrayBuffer): Status {
  return sharedReplace(key, value, NO_CAS);
}

/** Sets it, whatever is there. */
export function sharedSet(key: ArrayBuffer, value: ArrayBuffer): Status {
  return sharedReplace(key, value, 0);
}

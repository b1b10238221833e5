import { Status, utf8 } from "../../assembly";
import { sharedCreate, sharedGet, sharedReplace } from "../../assembly/shared";

/** Adds to a number that all workers see; exact however they race. The new value. */
export function addShared(key: ArrayBuffer, by: u64): u64 {
  let value: u64 = 0;
  let status = Status.CasMismatch;
  while (status != Status.Ok) {
    const old = sharedGet(key);
    value = (old === null ? 0 : old.bytes.toU64()) + by;
    const bytes = new ArrayBuffer(8);
    store<u64>(changetype<usize>(bytes), value);
    status = old === null ? sharedCreate(key, bytes) : sharedReplace(key, bytes, old.cas);
  }
  return value;
}

export const SHARED = utf8("shared");

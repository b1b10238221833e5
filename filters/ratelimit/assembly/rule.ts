import { Counter, Pairs, RequestMatch, RequestValue } from "proxy-wasm-sdk/assembly";
import { Limit } from "./bucket";
import { SipHash } from "./siphash";

/** Length that no value has: what an absent one adds to the hash. */
const ABSENT: u32 = u32.MAX_VALUE;

/** One limit: for which requests it is, and which of them share a bucket. */
export class Rule {
  /** null: for every request. */
  match: RequestMatch | null = null;
  /** Empty: all requests share one bucket. */
  by: RequestValue[] = [];
  admitted: Counter | null = null;
  limited: Counter | null = null;

  constructor(readonly name: string, readonly identity: ArrayBuffer, readonly limit: Limit) {}

  isFor(headers: Pairs): bool {
    const match = this.match;
    return match === null || match.matches(headers);
  }

  /** Which bucket this request draws from; `shared`: the one for those who get none of their own. */
  bucket(headers: Pairs, hash: SipHash, shared: bool): u64 {
    hash.bytes(changetype<usize>(this.identity), this.identity.byteLength);
    store<u32>(SIZE, shared ? 0 : 1);
    hash.bytes(SIZE, 4);
    for (let i = 0; i < this.by.length && !shared; i++) {
      const value = unchecked(this.by[i]).read(headers);
      store<u32>(SIZE, value === null ? ABSENT : <u32>value.length);
      hash.bytes(SIZE, 4);
      if (value !== null) hash.bytes(value.start, value.length);
    }
    return hash.finish();
  }
}

const SIZE: usize = memory.data(4, 4);

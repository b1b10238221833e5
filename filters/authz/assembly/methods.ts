import { Bytes, BytesIndex } from "proxy-wasm-sdk/assembly";
import { Pattern, PatternKind } from "./pattern";

/** Bits 0 to 62 are methods by name; all bits together mean any method, also none. */
const ANY: u64 = u64.MAX_VALUE;
const MOST_NAMES = 63;

/** Names of methods that a configuration uses, each with a bit: a request's method is looked up once. */
export class MethodNames {
  private names: BytesIndex = new BytesIndex();

  /** Its bit; 0 when there are more names than bits. */
  intern(name: ArrayBuffer): u64 {
    const known = this.bitOf(Bytes.of(name));
    return known != 0 || this.names.size >= MOST_NAMES ? known : <u64>1 << this.names.add(name);
  }

  /** 0 for a method that no rule names. */
  bitOf(method: Bytes): u64 {
    const index = this.names.find(method);
    return index < 0 ? 0 : <u64>1 << index;
  }
}

/** The methods that an operation takes. */
export class MethodSet {
  mask: u64 = ANY;
  /** What has no bit: prefixes, suffixes, presence. */
  private patterns: Pattern[] = [];

  /** null: any. */
  static of(patterns: Pattern[] | null, names: MethodNames): MethodSet {
    const set = new MethodSet();
    if (patterns === null) return set;
    set.mask = 0;
    for (let i = 0; i < patterns.length; i++) {
      const bit = patterns[i].kind == PatternKind.Exact ? names.intern(patterns[i].text) : 0;
      set.mask |= bit;
      if (bit == 0) set.patterns.push(patterns[i]);
    }
    return set;
  }

  get any(): bool {
    return this.mask == ANY;
  }

  /** Whether bits tell everything: then what an earlier set took needs no second look. */
  get exact(): bool {
    return this.patterns.length == 0;
  }

  matches(bit: u64, method: Bytes | null): bool {
    if (this.mask == ANY || (this.mask & bit) != 0) return true;
    if (method === null) return false;
    for (let i = 0; i < this.patterns.length; i++) if (unchecked(this.patterns[i]).matches(method)) return true;
    return false;
  }
}

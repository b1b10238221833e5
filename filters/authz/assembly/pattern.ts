import { Bytes } from "proxy-wasm-sdk/assembly";
import { Template } from "./template";

export enum PatternKind {
  Exact = 0,
  Prefix = 1,
  Suffix = 2,
  /** Anything that is there and not empty. */
  Present = 3,
  /** A network: the first `bits` bits of an address of the same family. */
  Block = 4,
  Template = 5,
}

const STAR: u8 = 0x2a;

/** One value of a rule. */
export class Pattern {
  /** Of a `Block`. */
  bits: i32 = 0;
  /** Of a `Template`. */
  template: Template | null = null;
  /** Of a `requestPrincipals` value: what the subject must match; `text` is then compared with the issuer. */
  subject: Pattern | null = null;

  constructor(
    readonly kind: PatternKind,
    /** What is compared: the text without its star, or the bytes of an address. */
    readonly text: ArrayBuffer,
  ) {}

  /** Istio's string match: `*` is presence, `*x` a suffix, `x*` a prefix (looked at in this order), all else exact. */
  static of(text: ArrayBuffer): Pattern {
    const bytes = Bytes.of(text);
    const last = bytes.length - 1;
    if (bytes.byteAt(0) == STAR) {
      return last == 0 ? new Pattern(PatternKind.Present, text) : new Pattern(PatternKind.Suffix, text.slice(1));
    }
    if (bytes.byteAt(last) == STAR) return new Pattern(PatternKind.Prefix, text.slice(0, last));
    return new Pattern(PatternKind.Exact, text);
  }

  matches(value: Bytes): bool {
    const text = this.text;
    switch (this.kind) {
      case PatternKind.Exact: return value.equals(text);
      case PatternKind.Prefix: return value.startsWith(text);
      case PatternKind.Suffix: return value.endsWith(text);
      case PatternKind.Block: return value.length == text.byteLength && sameBits(value.start, changetype<usize>(text), this.bits);
      case PatternKind.Template: return changetype<Template>(this.template).matches(value);
      default: return value.length > 0;
    }
  }
}

/** True when any of them matches. */
export function matchesAny(patterns: Pattern[], value: Bytes): bool {
  for (let i = 0; i < patterns.length; i++) if (unchecked(patterns[i]).matches(value)) return true;
  return false;
}

function sameBits(a: usize, b: usize, bits: i32): bool {
  for (; bits > 0; bits -= 8) {
    if ((load<u8>(a++) ^ load<u8>(b++)) >> <u8>max(8 - bits, 0)) return false;
  }
  return true;
}

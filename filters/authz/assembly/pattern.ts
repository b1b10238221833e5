import { Bytes } from "proxy-wasm-sdk/assembly";

export enum PatternKind {
  Exact = 0,
  Prefix = 1,
  Suffix = 2,
  /** Anything that is there and not empty. */
  Present = 3,
}

const STAR: u8 = 0x2a;

/** Istio's string match: `*` is presence, `*x` a suffix, `x*` a prefix (looked at in this order), all else exact. */
export class Pattern {
  readonly kind: PatternKind;
  /** What is compared: the text without its star. */
  readonly text: ArrayBuffer;

  constructor(text: ArrayBuffer) {
    const length = text.byteLength;
    const first = length > 0 && load<u8>(changetype<usize>(text)) == STAR;
    const last = length > 0 && load<u8>(changetype<usize>(text) + length - 1) == STAR;
    if (first && length == 1) {
      this.kind = PatternKind.Present;
      this.text = text;
    } else if (first) {
      this.kind = PatternKind.Suffix;
      this.text = text.slice(1);
    } else if (last) {
      this.kind = PatternKind.Prefix;
      this.text = text.slice(0, length - 1);
    } else {
      this.kind = PatternKind.Exact;
      this.text = text;
    }
  }

  matches(value: Bytes): bool {
    switch (this.kind) {
      case PatternKind.Exact: return value.equals(this.text);
      case PatternKind.Prefix: return value.startsWith(this.text);
      case PatternKind.Suffix: return value.endsWith(this.text);
      default: return value.length > 0;
    }
  }
}

/** True when any of them matches; null means that nothing is asked. */
export function matchesAny(patterns: Pattern[] | null, value: Bytes): bool {
  if (patterns === null) return true;
  for (let i = 0; i < patterns.length; i++) if (unchecked(patterns[i]).matches(value)) return true;
  return false;
}

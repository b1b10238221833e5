import { Bytes } from "proxy-wasm-sdk/assembly";

/**
 * A path with `{*}` (one segment, not empty) and at most one `{**}` (anything, also nothing, also slashes), the last of
 * them; literal segments may follow it. As in Envoy's URI templates, a wildcard takes only characters that RFC 3986 allows
 * in a path. Matching never goes back: a segment ends at its slash, and what follows `{**}` is a literal.
 */
export class Template {
  /** literals[0] {*} literals[1] {*} … ; the last one runs to the end of the path or to `{**}`. */
  private literals: ArrayBuffer[] = [];
  /** What follows `{**}`; null where there is none. */
  private tail: ArrayBuffer | null = null;
  /** "" or what is wrong with it. */
  problem: string = "";

  constructor(text: ArrayBuffer) {
    const path = Bytes.of(text);
    if (path.byteAt(0) != 0x2f) this.problem = "a path with {*} or {**} must start with /";
    let literal = 0;
    for (let start = 0; start <= path.length; ) {
      const slash = path.indexOf(0x2f, start);
      const end = slash < 0 ? path.length : slash;
      const stars = starsIn(path, start, end);
      if (stars > 0) {
        if (this.tail !== null) this.problem = "nothing but literal segments may follow {**}";
        this.literals.push(text.slice(literal, start));
        if (stars == 2) this.tail = text.slice(end);
        literal = end;
      } else {
        let plain = start;
        while (plain < end && path.byteAt(plain) != 0x2a && isPathCharacter(path.byteAt(plain))) plain++;
        if (plain < end) this.problem = "beside {*} and {**} as whole segments, a path takes letters, digits and -._~%!$&'()+,;:@=";
      }
      start = end + 1;
    }
    if (this.tail === null) this.literals.push(text.slice(literal));
  }

  /** The literal that every match starts with. */
  get prefix(): ArrayBuffer {
    return this.literals[0];
  }

  matches(path: Bytes): bool {
    let at = 0;
    const last = this.literals.length - 1;
    for (let i = 0; i <= last; i++) {
      const literal = unchecked(this.literals[i]);
      if (!hasAt(path, at, literal)) return false;
      at += literal.byteLength;
      if (i == last) break;
      const end = segmentEnd(path, at, path.length, false);
      if (end == at) return false;
      at = end;
    }
    const tail = this.tail;
    if (tail === null) return at == path.length;
    const tailAt = path.length - tail.byteLength;
    return tailAt >= at && hasAt(path, tailAt, tail) && segmentEnd(path, at, tailAt, true) == tailAt;
  }
}

/** 1 for `{*}`, 2 for `{**}`, else 0. */
function starsIn(path: Bytes, start: i32, end: i32): i32 {
  const stars = end - start - 2;
  if (stars < 1 || stars > 2 || path.byteAt(start) != 0x7b || path.byteAt(end - 1) != 0x7d) return 0;
  return path.byteAt(start + 1) == 0x2a && path.byteAt(end - 2) == 0x2a ? stars : 0;
}

function hasAt(path: Bytes, at: i32, literal: ArrayBuffer): bool {
  const length = literal.byteLength;
  return path.length - at >= length && memory.compare(path.start + at, changetype<usize>(literal), length) == 0;
}

/** Index of the first byte from `at` up to `to` that a wildcard does not take. */
function segmentEnd(path: Bytes, at: i32, to: i32, slashes: bool): i32 {
  while (at < to) {
    const c = path.byteAt(at);
    if (!isPathCharacter(c) && !(slashes && c == 0x2f)) break;
    at++;
  }
  return at;
}

/** RFC 3986 pchar, as bits of 32 characters each. */
function isPathCharacter(c: i32): bool {
  const bits: u32 = c < 0x40 ? 0x2fff7ff2 : c < 0x60 ? 0x87ffffff : 0x47fffffe;
  return c >= 0x20 && c < 0x80 && ((bits >> (c & 31)) & 1) != 0;
}

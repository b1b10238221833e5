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

  constructor(text: string) {
    if (!text.startsWith("/")) this.problem = "a path with {*} or {**} must start with /";
    let literal = 0;
    for (let start = 0; start <= text.length; ) {
      const slash = text.indexOf("/", start);
      const end = slash < 0 ? text.length : slash;
      const segment = text.substring(start, end);
      if (segment == "{*}" || segment == "{**}") {
        if (this.tail !== null) this.problem = "nothing but literal segments may follow {**}";
        this.literals.push(String.UTF8.encode(text.substring(literal, start)));
        if (segment == "{**}") this.tail = String.UTF8.encode(text.substring(end));
        literal = end;
      } else if (!isLiteral(segment)) {
        this.problem = "beside {*} and {**} as whole segments, a path takes letters, digits and -._~%!$&'()+,;:@=";
      }
      start = end + 1;
    }
    if (this.tail === null) this.literals.push(String.UTF8.encode(text.substring(literal)));
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
      const end = segmentEnd(path, at, false);
      if (end == at) return false;
      at = end;
    }
    const tail = this.tail;
    if (tail === null) return at == path.length;
    const tailAt = path.length - tail.byteLength;
    return tailAt >= at && hasAt(path, tailAt, tail) && segmentEnd(path.slice(0, tailAt), at, true) == tailAt;
  }
}

/** Whether a path has a brace: then it is a template or wrong. */
export function looksLikeTemplate(text: string): bool {
  return text.includes("{") || text.includes("}");
}

function hasAt(path: Bytes, at: i32, literal: ArrayBuffer): bool {
  const length = literal.byteLength;
  return path.length - at >= length && memory.compare(path.start + at, changetype<usize>(literal), length) == 0;
}

/** Index of the first byte from `at` that a wildcard does not take. */
function segmentEnd(path: Bytes, at: i32, slashes: bool): i32 {
  while (at < path.length) {
    const c = path.byteAt(at);
    if (!isPathCharacter(c) && !(slashes && c == 0x2f)) break;
    at++;
  }
  return at;
}

function isLiteral(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c == 0x2a || !isPathCharacter(c)) return false;
  }
  return true;
}

/** RFC 3986 pchar. */
function isPathCharacter(c: i32): bool {
  const lower = c | 0x20;
  if ((lower >= 0x61 && lower <= 0x7a) || (c >= 0x30 && c <= 0x39)) return true;
  switch (c) {
    case 0x21: case 0x24: case 0x25: case 0x26: case 0x27: case 0x28: case 0x29: case 0x2a: case 0x2b: case 0x2c:
    case 0x2d: case 0x2e: case 0x3a: case 0x3b: case 0x3d: case 0x40: case 0x5f: case 0x7e:
      return true;
    default:
      return false;
  }
}

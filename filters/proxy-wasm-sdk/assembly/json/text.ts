/** Strings inside a JSON text: checked once while parsing, decoded when asked for. */

/** What is wrong with a string, or where it ends. */
export class StringScan {
  /** Offset behind the closing quote, or of what is wrong. */
  at: i32 = 0;
  problem: string = "";
}

const scan = new StringScan();

/** Checks the string whose opening quote is at `from`: escapes, UTF-8 (no overlong forms, no surrogates), control bytes. */
export function scanString(text: usize, size: i32, from: i32): StringScan {
  scan.problem = "";
  let i = from + 1;
  while (i < size) {
    const c = load<u8>(text + i);
    if (c == 0x22) return end(i + 1, "");
    if (c < 0x20) return end(i, "control character in a string");
    if (c == 0x5c) {
      const length = escapeLength(text, size, i);
      if (length == 0) return end(i, "bad escape in a string");
      i += length;
    } else if (c < 0x80) {
      i++;
    } else {
      const length = utf8Length(text, size, i);
      if (length == 0) return end(i, "not UTF-8");
      i += length;
    }
  }
  return end(from, "string without end");
}

function end(at: i32, problem: string): StringScan {
  scan.at = at;
  scan.problem = problem;
  return scan;
}

/** Length of the well-formed multi-byte character at `i`, 0 where there is none (Unicode, table 3-7). */
function utf8Length(text: usize, size: i32, i: i32): i32 {
  const lead = load<u8>(text + i);
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length == 0 || i + length > size) return 0;
  const second = load<u8>(text + i + 1);
  const low: u8 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const high: u8 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let k = 2; k < length; k++) if ((load<u8>(text + i + k) & 0xc0) != 0x80) return 0;
  return length;
}

/** Length of the escape at `i` (12 for a surrogate pair), 0 where it is malformed. */
function escapeLength(text: usize, size: i32, i: i32): i32 {
  if (i + 1 >= size) return 0;
  const c = load<u8>(text + i + 1);
  if (c == 0x75) {
    const unit = hex4(text, size, i + 2);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return 0;
    if (unit < 0xd800 || unit > 0xdbff) return 6;
    if (i + 7 >= size || load<u8>(text + i + 6) != 0x5c || load<u8>(text + i + 7) != 0x75) return 0;
    const low = hex4(text, size, i + 8);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
  }
  return c == 0x22 || c == 0x5c || c == 0x2f || simple(c) != 0 ? 2 : 0;
}

/** The control character that a one-letter escape stands for, or 0. */
function simple(letter: u8): u8 {
  switch (letter) {
    case 0x62: return 8;
    case 0x66: return 12;
    case 0x6e: return 10;
    case 0x72: return 13;
    case 0x74: return 9;
    default: return 0;
  }
}

/** Four hexadecimal digits, or -1. */
function hex4(text: usize, size: i32, i: i32): i32 {
  if (i + 4 > size) return -1;
  let value = 0;
  for (let k = 0; k < 4; k++) {
    const c = <i32>load<u8>(text + i + k);
    const lower = c | 0x20;
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
    if (digit < 0) return -1;
    value = (value << 4) | digit;
  }
  return value;
}

/** The UTF-8 of a checked string; `from` and `to` are inside its quotes. */
export function decodeString(text: usize, from: i32, to: i32): ArrayBuffer {
  const buffer = new ArrayBuffer(to - from);
  const out = changetype<usize>(buffer);
  let at: i32 = 0;
  let i = from;
  while (i < to) {
    const c = load<u8>(text + i);
    if (c != 0x5c) {
      store<u8>(out + at++, c);
      i++;
      continue;
    }
    const letter = load<u8>(text + i + 1);
    if (letter != 0x75) {
      const control = simple(letter);
      store<u8>(out + at++, control != 0 ? control : letter);
      i += 2;
      continue;
    }
    let code = hex4(text, to, i + 2);
    i += 6;
    if (code >= 0xd800 && code <= 0xdbff) {
      code = 0x10000 + ((code - 0xd800) << 10) + (hex4(text, to, i + 2) - 0xdc00);
      i += 6;
    }
    at += putUtf8(out + at, code);
  }
  return at == to - from ? buffer : buffer.slice(0, at);
}

function putUtf8(out: usize, code: i32): i32 {
  if (code < 0x80) {
    store<u8>(out, code);
    return 1;
  }
  if (code < 0x800) {
    store<u8>(out, 0xc0 | (code >> 6));
    store<u8>(out, 0x80 | (code & 0x3f), 1);
    return 2;
  }
  if (code < 0x10000) {
    store<u8>(out, 0xe0 | (code >> 12));
    store<u8>(out, 0x80 | ((code >> 6) & 0x3f), 1);
    store<u8>(out, 0x80 | (code & 0x3f), 2);
    return 3;
  }
  store<u8>(out, 0xf0 | (code >> 18));
  store<u8>(out, 0x80 | ((code >> 12) & 0x3f), 1);
  store<u8>(out, 0x80 | ((code >> 6) & 0x3f), 2);
  store<u8>(out, 0x80 | (code & 0x3f), 3);
  return 4;
}

import { allocate, Bytes } from "proxy-wasm-sdk/assembly";

const DOT: u8 = 0x2e;
const COLON: u8 = 0x3a;

/** The 4 or 16 bytes of an IP address, in memory of this callback; null where the text is none. */
export function parseAddress(text: Bytes): Bytes | null {
  const out = allocate(16);
  if (text.indexOf(COLON) < 0) return dotted(text, 0, out) ? Bytes.at(out, 4) : null;
  return grouped(text, out) ? Bytes.at(out, 16) : null;
}

/** As `parseAddress`, of a text that may have a port or a zone: `10.0.0.1:80`, `[fe80::1%eth0]:80`, `::1`. */
export function parseEndpoint(text: Bytes): Bytes | null {
  let from = 0;
  let end = text.length;
  if (text.byteAt(0) == 0x5b) {
    from = 1;
    end = text.indexOf(0x5d);
  } else {
    const colon = text.indexOf(COLON);
    if (text.indexOf(COLON, colon + 1) < 0 && colon >= 0) end = colon;
  }
  const zone = text.indexOf(0x25);
  return parseAddress(text.slice(from, zone >= 0 ? zone : end));
}

/** Four decimal numbers without leading zeros, up to the end of the text. */
function dotted(text: Bytes, at: i32, out: usize): bool {
  for (let i = 0; i < 4; i++) {
    const number = decimal(text, at, 255);
    if (number < 0) return false;
    store<u8>(out + i, number);
    at = decimalEnd;
    if (i < 3 && text.byteAt(at++) != DOT) return false;
  }
  return at == text.length;
}

/** Groups of hexadecimal digits, one `::` at most, four decimal numbers at the end at most (RFC 4291, 2.2). */
function grouped(text: Bytes, out: usize): bool {
  memory.fill(out, 0, 16);
  let size = 0;
  let gap = -1;
  let at = 0;
  if (text.byteAt(0) == COLON && text.byteAt(++at) != COLON) return false;
  while (true) {
    if (text.byteAt(at) == COLON) {
      if (gap >= 0) return false;
      gap = size;
      if (++at == text.length) break;
    }
    if (size == 16) return false;
    if (text.indexOf(COLON, at) < 0 && text.indexOf(DOT, at) >= 0) {
      if (size > 12 || !dotted(text, at, out + size)) return false;
      size += 4;
      break;
    }
    const from = at;
    let group = 0;
    for (let digit = hex(text.byteAt(at)); digit >= 0 && at < from + 4; digit = hex(text.byteAt(++at))) {
      group = (group << 4) | digit;
    }
    if (at == from) return false;
    store<u8>(out + size++, group >> 8);
    store<u8>(out + size++, group);
    if (at == text.length) break;
    if (text.byteAt(at++) != COLON || at == text.length) return false;
  }
  if (gap < 0 || size == 16) return gap < 0 && size == 16;
  const tail = size - gap;
  memory.copy(out + 16 - tail, out + gap, tail);
  memory.fill(out + gap, 0, 16 - size);
  return true;
}

function hex(c: i32): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const letter = (c | 0x20) - 0x61;
  return c >= 0 && letter >= 0 && letter < 6 ? letter + 10 : -1;
}

/** Behind the last digit that `decimal` took. */
let decimalEnd: i32 = 0;

/** The number that begins at `at`: no leading zeros, at most `most`; -1 where there is none. */
function decimal(text: Bytes, at: i32, most: i32): i32 {
  const from = at;
  let number = 0;
  for (let c = text.byteAt(at); c >= 0x30 && c <= 0x39; c = text.byteAt(++at)) {
    number = number * 10 + c - 0x30;
    if (number > most || (at > from && text.byteAt(from) == 0x30)) return -1;
  }
  decimalEnd = at;
  return at > from ? number : -1;
}

/** As `decimal`, of a whole text. */
export function wholeNumber(text: Bytes, most: i32): i32 {
  const number = decimal(text, 0, most);
  return decimalEnd == text.length ? number : -1;
}

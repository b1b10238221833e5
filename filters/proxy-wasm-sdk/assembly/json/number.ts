import { Bytes } from "../bytes";

/** Largest integer up to which every integer is a double. */
const EXACT: u64 = 1 << 53;
/** Largest power of ten that is a double. */
const LARGEST_POWER: i32 = 22;

/**
 * The double that a JSON number means, rounded correctly; NaN where that cannot be said with one multiplication or division
 * (more than 15 to 16 digits, exponents far from zero). The library's parseFloat is off in the ninth digit there.
 */
export function exactNumber(text: Bytes): f64 {
  let mantissa: u64 = 0;
  let scale = 0;
  let fraction = false;
  let i = text.byteAt(0) == 0x2d ? 1 : 0;
  for (; i < text.length; i++) {
    const c = text.byteAt(i);
    if (c == 0x2e) fraction = true;
    else if (c < 0x30 || c > 0x39) break;
    else {
      if (mantissa > EXACT) return NaN;
      mantissa = mantissa * 10 + (c - 0x30);
      if (fraction) scale--;
    }
  }
  scale += exponent(text, i);
  if (mantissa == 0) scale = 0;
  while (scale > LARGEST_POWER && mantissa <= EXACT / 10) {
    mantissa *= 10;
    scale--;
  }
  if (mantissa > EXACT || scale > LARGEST_POWER || scale < -LARGEST_POWER) return NaN;
  const value = scale < 0 ? <f64>mantissa / powerOfTen(-scale) : <f64>mantissa * powerOfTen(scale);
  return text.byteAt(0) == 0x2d ? -value : value;
}

/** What stands behind `e`, clamped to ±10,000. */
function exponent(text: Bytes, from: i32): i32 {
  let value = 0;
  let i = from + 1;
  const negative = text.byteAt(i) == 0x2d;
  if (negative || text.byteAt(i) == 0x2b) i++;
  for (; i < text.length; i++) value = min(value * 10 + text.byteAt(i) - 0x30, 10_000);
  return negative ? -value : value;
}

function powerOfTen(exponent: i32): f64 {
  let value: f64 = 1;
  for (let i = 0; i < exponent; i++) value *= 10;
  return value;
}

/** A number in decimal. The library's `toString` brings 400 bytes of tables for speed, which messages do not need. */
export function digits(value: i64): string {
  let rest: u64 = value < 0 ? -value : value;
  let text = "";
  do {
    text = String.fromCharCode(0x30 + <i32>(rest % 10)) + text;
    rest /= 10;
  } while (rest > 0);
  return value < 0 ? "-" + text : text;
}

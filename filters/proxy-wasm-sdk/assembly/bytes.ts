import { allocate, OUT } from "./arena";

/**
 * A view of bytes that the host handed out, or of a part of them. Valid until the callback returns: to keep them, `copy()`.
 * Absent is `null`, empty is a `Bytes` of length 0. Nothing here throws or traps, whatever the bytes are.
 */
@unmanaged
export class Bytes {
  /** Address of the first byte. */
  start: usize = 0;
  length: i32 = 0;

  static at(start: usize, length: i32): Bytes {
    const view = changetype<Bytes>(allocate(offsetof<Bytes>()));
    view.start = start;
    view.length = length;
    return view;
  }

  /** A view of a buffer that the caller keeps alive during the callback. */
  static of(buffer: ArrayBuffer): Bytes {
    return Bytes.at(changetype<usize>(buffer), buffer.byteLength);
  }

  /** The byte at `index`, or -1 outside. */
  @inline
  byteAt(index: i32): i32 {
    return <u32>index < <u32>this.length ? <i32>load<u8>(this.start + index) : -1;
  }

  equals(other: ArrayBuffer): bool {
    return this.length == other.byteLength && memory.compare(this.start, changetype<usize>(other), this.length) == 0;
  }

  equalsBytes(other: Bytes): bool {
    return this.length == other.length && memory.compare(this.start, other.start, this.length) == 0;
  }

  startsWith(prefix: ArrayBuffer): bool {
    const length = prefix.byteLength;
    return this.length >= length && memory.compare(this.start, changetype<usize>(prefix), length) == 0;
  }

  endsWith(suffix: ArrayBuffer): bool {
    const length = suffix.byteLength;
    return this.length >= length && memory.compare(this.start + this.length - length, changetype<usize>(suffix), length) == 0;
  }

  /** Index of the first `byte` at or after `from`, or -1. */
  indexOf(byte: u8, from: i32 = 0): i32 {
    for (let i = max(from, 0); i < this.length; i++) if (load<u8>(this.start + i) == byte) return i;
    return -1;
  }

  /** The part from `from` up to `to`, both clamped to what is there. */
  slice(from: i32, to: i32 = i32.MAX_VALUE): Bytes {
    const last = min(max(to, 0), this.length);
    const first = min(max(from, 0), last);
    return Bytes.at(this.start + first, last - first);
  }

  /** Little-endian, as the host sends numeric properties. `otherwise` where there are not exactly 8 bytes. */
  toU64(otherwise: u64 = 0): u64 {
    return this.length == 8 ? load<u64>(this.start) : otherwise;
  }

  /** A copy that outlives the callback. */
  copy(): ArrayBuffer {
    const buffer = new ArrayBuffer(this.length);
    memory.copy(changetype<usize>(buffer), this.start, this.length);
    return buffer;
  }

  /** As text, for logs: bytes that are not UTF-8 come out as some other characters. Compare bytes, not text. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.start, this.length);
  }
}

/** Bytes of a constant. Make it once, at the top of a module: each call allocates. */
export function utf8(text: string): ArrayBuffer {
  return String.UTF8.encode(text);
}

/** What the last host call wrote as address and size. */
export function outBytes(): Bytes {
  return Bytes.at(load<usize>(OUT), load<i32>(OUT, 4));
}

/** Address of a managed buffer, for host calls. */
// @ts-ignore: decorator
@inline
export function addressOf(buffer: ArrayBuffer): usize {
  return changetype<usize>(buffer);
}

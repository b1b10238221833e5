/**
 * Bytes of BPF maps and ring buffers to TypeScript values and back. src/generated/abi.ts is made of these. Little-endian
 * (all machines that shunt supports); a field whose name ends in `Be` holds network order, untouched.
 *
 * Every setter checks: a value that is missing, of another type or too large throws E_BPF_MAP. DataView alone would turn
 * 300 into 44 and undefined into 0.
 */
import { ShuntError } from '../errors.ts';
import type { MapTypeName } from './map-type.ts';

/** A fixed-size layout. */
export interface Codec<T> {
  /** Bytes. */
  readonly size: number;
  /** Writes exactly `size` bytes. @throws E_BPF_MAP for a value that does not fit; bytes before it may be written. */
  encode(value: T, view: DataView, offset: number): void;
  decode(view: DataView, offset: number): T;
}

/** A C struct. `off` holds the byte offset of each field, for readers that want one field without decoding all. */
export interface StructCodec<T> extends Codec<T> {
  readonly off: { readonly [Field in keyof T]: number };
}

/** What src/generated/abi.ts says about a map; sizes are checked against the kernel's at open. */
export interface MapDefinition<K, V> {
  readonly name: string;
  readonly type: MapTypeName;
  readonly keyCodec: Codec<K>;
  readonly valueCodec: Codec<V>;
  /** For a ring buffer: bytes. 0 where the kernel wants 0. */
  readonly maxEntries: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function refuse(what: string, value: unknown, expected: string): never {
  const shown =
    typeof value === 'bigint' ? `${value}n` : typeof value === 'string' ? JSON.stringify(value) : `${value}`;
  throw new ShuntError('E_BPF_MAP', `${what}: ${shown} does not fit, expected ${expected}`);
}

function integer(value: number, low: number, high: number, what: string): number {
  if (!Number.isInteger(value) || value < low || value > high) refuse(what, value, `an integer from ${low} to ${high}`);
  return value;
}

function big(value: bigint, bits: 'u64' | 'i64', what: string): bigint {
  const fits =
    typeof value === 'bigint' && (bits === 'u64' ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)) === value;
  return fits ? value : refuse(what, value, `a bigint that fits ${bits}`);
}

export function setU8(view: DataView, offset: number, value: number, what: string): void {
  view.setUint8(offset, integer(value, 0, 0xff, what));
}
export function setI8(view: DataView, offset: number, value: number, what: string): void {
  view.setInt8(offset, integer(value, -0x80, 0x7f, what));
}
export function setU16(view: DataView, offset: number, value: number, what: string): void {
  view.setUint16(offset, integer(value, 0, 0xffff, what), true);
}
export function setI16(view: DataView, offset: number, value: number, what: string): void {
  view.setInt16(offset, integer(value, -0x8000, 0x7fff, what), true);
}
export function setU32(view: DataView, offset: number, value: number, what: string): void {
  view.setUint32(offset, integer(value, 0, 0xffffffff, what), true);
}
export function setI32(view: DataView, offset: number, value: number, what: string): void {
  view.setInt32(offset, integer(value, -0x80000000, 0x7fffffff, what), true);
}
export function setU64(view: DataView, offset: number, value: bigint, what: string): void {
  view.setBigUint64(offset, big(value, 'u64', what), true);
}
export function setI64(view: DataView, offset: number, value: bigint, what: string): void {
  view.setBigInt64(offset, big(value, 'i64', what), true);
}
export function setBool(view: DataView, offset: number, value: boolean, what: string): void {
  if (typeof value !== 'boolean') refuse(what, value, 'a boolean');
  view.setUint8(offset, value ? 1 : 0);
}

/** A C array: `count` elements of `stride` bytes, each by `set`. */
export function setArray<T>(
  view: DataView,
  offset: number,
  value: readonly T[],
  count: number,
  stride: number,
  what: string,
  set: (view: DataView, offset: number, element: T, what: string) => void,
): void {
  if (!Array.isArray(value) || value.length !== count) refuse(what, value, `an array of ${count}`);
  for (let i = 0; i < count; i++) set(view, offset + i * stride, value[i] as T, what);
}

export function getArray<T>(
  view: DataView,
  offset: number,
  count: number,
  stride: number,
  get: (view: DataView, offset: number) => T,
): T[] {
  const out = new Array<T>(count);
  for (let i = 0; i < count; i++) out[i] = get(view, offset + i * stride);
  return out;
}

/** A `char[size]` that C reads as a string: UTF-8, zero-padded, so at most size - 1 bytes and no NUL. */
export function setString(view: DataView, offset: number, value: string, size: number, what: string): void {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, size);
  const fits = typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
  if (!fits || Buffer.byteLength(value) >= size) refuse(what, value, `text of at most ${size - 1} bytes without NUL`);
  bytes.fill(0);
  encoder.encodeInto(value, bytes);
}

/** Up to the first NUL; bytes that are no UTF-8 (a process may call itself anything) become U+FFFD. */
export function getString(view: DataView, offset: number, size: number): string {
  let text = '';
  for (let i = 0; i < size; i++) {
    const byte = view.getUint8(offset + i);
    if (byte === 0) return text;
    if (byte > 0x7f) {
      const all = new Uint8Array(view.buffer, view.byteOffset + offset, size);
      const end = all.indexOf(0);
      return decoder.decode(end < 0 ? all : all.subarray(0, end));
    }
    text += String.fromCharCode(byte);
  }
  return text;
}

export const u8: Codec<number> = {
  size: 1,
  encode: (value, view, offset) => setU8(view, offset, value, 'u8'),
  decode: (view, offset) => view.getUint8(offset),
};
export const u16: Codec<number> = {
  size: 2,
  encode: (value, view, offset) => setU16(view, offset, value, 'u16'),
  decode: (view, offset) => view.getUint16(offset, true),
};
export const u32: Codec<number> = {
  size: 4,
  encode: (value, view, offset) => setU32(view, offset, value, 'u32'),
  decode: (view, offset) => view.getUint32(offset, true),
};
export const i32: Codec<number> = {
  size: 4,
  encode: (value, view, offset) => setI32(view, offset, value, 'i32'),
  decode: (view, offset) => view.getInt32(offset, true),
};
export const u64: Codec<bigint> = {
  size: 8,
  encode: (value, view, offset) => setU64(view, offset, value, 'u64'),
  decode: (view, offset) => view.getBigUint64(offset, true),
};
export const i64: Codec<bigint> = {
  size: 8,
  encode: (value, view, offset) => setI64(view, offset, value, 'i64'),
  decode: (view, offset) => view.getBigInt64(offset, true),
};

/** The key and value of a map that has none (a ring buffer). */
export const nothing: Codec<undefined> = { size: 0, encode: () => {}, decode: () => undefined };

/** A layout that is the BPF programs' own: user space carries its bytes and knows only how many. */
export function opaque(size: number): Codec<Uint8Array> {
  return {
    size,
    encode(value, view, offset) {
      if (!(value instanceof Uint8Array) || value.length !== size) refuse('opaque', value, `${size} bytes`);
      new Uint8Array(view.buffer, view.byteOffset + offset, size).set(value);
    },
    decode: (view, offset) => new Uint8Array(view.buffer, view.byteOffset + offset, size).slice(),
  };
}

import { Bytes } from "./bytes";

/** FNV-1a over `length` bytes; `from` continues an earlier one, so that every prefix of a text is hashed in one pass. */
export function fnv1a(start: usize, length: i32, from: u32 = 0x811c9dc5): u32 {
  let hash = from;
  for (let i = 0; i < length; i++) hash = (hash ^ load<u8>(start + i)) * 0x01000193;
  return hash;
}

/**
 * Byte strings, each with the number it came in as. Filled once and then read: a look-up allocates nothing and takes a view
 * of host memory. Open addressing; keys are never removed. Keys come from configuration, so a peer cannot make them collide.
 */
export class BytesIndex {
  private keys: ArrayBuffer[] = [];
  private hashes: u32[] = [];
  /** 1 + number of the key, 0 = free. Its length is a power of two, at most half full. */
  private slots: StaticArray<u32> = new StaticArray<u32>(8);

  get size(): i32 {
    return this.keys.length;
  }

  keyAt(index: i32): ArrayBuffer {
    return this.keys[index];
  }

  /** The key's number, or -1. */
  find(key: Bytes): i32 {
    return this.findHashed(key.start, key.length, fnv1a(key.start, key.length));
  }

  /** As `find`, for a caller that has the hash already. */
  findHashed(start: usize, length: i32, hash: u32): i32 {
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    let index = <i32>unchecked(this.slots[slot]) - 1;
    while (index >= 0) {
      if (unchecked(this.hashes[index]) == hash) {
        const key = unchecked(this.keys[index]);
        if (key.byteLength == length && memory.compare(changetype<usize>(key), start, length) == 0) break;
      }
      slot = (slot + 1) & mask;
      index = <i32>unchecked(this.slots[slot]) - 1;
    }
    return index;
  }

  /** The key's number; a new key gets the next one. */
  add(key: ArrayBuffer): i32 {
    const hash = fnv1a(changetype<usize>(key), key.byteLength);
    const found = this.findHashed(changetype<usize>(key), key.byteLength, hash);
    if (found >= 0) return found;
    const index = this.keys.length;
    this.keys.push(key);
    this.hashes.push(hash);
    if ((index + 1) * 2 > this.slots.length) this.grow();
    else this.place(index, hash);
    return index;
  }

  private grow(): void {
    this.slots = new StaticArray<u32>(this.slots.length * 2);
    for (let i = 0; i < this.hashes.length; i++) this.place(i, this.hashes[i]);
  }

  private place(index: i32, hash: u32): void {
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    while (unchecked(this.slots[slot]) != 0) slot = (slot + 1) & mask;
    this.slots[slot] = <u32>index + 1;
  }
}

/** A map from byte strings, as `BytesIndex`. */
export class BytesMap<V> {
  readonly index: BytesIndex = new BytesIndex();
  private values: V[] = [];

  get size(): i32 {
    return this.index.size;
  }

  /** `at`: what `find` gave. */
  valueAt(at: i32): V {
    return this.values[at];
  }

  /** Place for `valueAt`, or -1. */
  find(key: Bytes): i32 {
    return this.index.find(key);
  }

  /** Sets or replaces. */
  set(key: ArrayBuffer, value: V): void {
    const at = this.index.add(key);
    if (at == this.values.length) this.values.push(value);
    else this.values[at] = value;
  }
}

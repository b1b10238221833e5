import { allocate } from "./arena";
import { addressOf, Bytes } from "./bytes";

/**
 * Header pairs as the host serialises them: u32 count, then (name size, value size) each, then names and values, each
 * with a NUL behind it. A cursor over one such block; it stops at the first pair that does not fit into the block.
 */
@unmanaged
export class Pairs {
  private bytes: usize = 0;
  private end: usize = 0;
  private count: u32 = 0;
  private index: u32 = 0;
  private at: usize = 0;
  private nameSize: i32 = 0;
  private valueSize: i32 = 0;

  static of(block: Bytes): Pairs {
    const pairs = changetype<Pairs>(allocate(offsetof<Pairs>()));
    pairs.bytes = block.start;
    pairs.end = block.start + block.length;
    pairs.count = 0;
    if (block.length >= 4) {
      const count = load<u32>(block.start);
      if (count <= (<u32>block.length - 4) / 8) pairs.count = count;
    }
    pairs.rewind();
    return pairs;
  }

  /** Of a block that is malformed, 0. */
  get length(): i32 {
    return <i32>this.count;
  }

  /** Back to before the first pair. */
  rewind(): void {
    this.index = 0;
    this.at = this.bytes + 4 + <usize>this.count * 8;
    this.nameSize = -1;
    this.valueSize = 0;
  }

  /** Moves to the next pair; false behind the last. */
  next(): bool {
    if (this.nameSize >= 0) this.at += this.nameSize + this.valueSize + 2;
    if (this.index >= this.count) return false;
    const sizes = this.bytes + 4 + <usize>this.index * 8;
    const nameSize = load<u32>(sizes);
    const valueSize = load<u32>(sizes, 4);
    if (<u64>this.at + nameSize + valueSize + 2 > <u64>this.end) {
      this.index = this.count;
      return false;
    }
    this.nameSize = nameSize;
    this.valueSize = valueSize;
    this.index++;
    return true;
  }

  /** Whether the current pair has this name (lower case, as HTTP/2 and Envoy write it). */
  nameIs(name: ArrayBuffer): bool {
    return this.nameSize == name.byteLength && memory.compare(this.at, changetype<usize>(name), this.nameSize) == 0;
  }

  get name(): Bytes {
    return Bytes.at(this.at, max(this.nameSize, 0));
  }

  get value(): Bytes {
    return Bytes.at(this.at + max(this.nameSize, 0) + 1, this.valueSize);
  }

  /** The first value of `name` from the start, or null. */
  find(name: ArrayBuffer): Bytes | null {
    this.rewind();
    while (this.next()) if (this.nameIs(name)) return this.value;
    return null;
  }
}

/** Header pairs to give to the host: call-outs, local replies, `Headers.setAll`. */
export class PairList {
  private names: ArrayBuffer[] = [];
  private values: ArrayBuffer[] = [];

  add(name: ArrayBuffer, value: ArrayBuffer): this {
    this.names.push(name);
    this.values.push(value);
    return this;
  }

  addText(name: string, value: string): this {
    return this.add(String.UTF8.encode(name), String.UTF8.encode(value));
  }

  get length(): i32 {
    return this.names.length;
  }

  /** The serialised block, in memory of this callback; empty for an empty list. */
  serialise(): Bytes {
    const count = this.names.length;
    if (count == 0) return Bytes.at(0, 0);
    let size = 4;
    for (let i = 0; i < count; i++) size += 8 + this.names[i].byteLength + this.values[i].byteLength + 2;
    const block = allocate(size);
    store<u32>(block, count);
    let at = block + 4 + <usize>count * 8;
    for (let i = 0; i < count; i++) {
      store<u32>(block + 4 + i * 8, this.names[i].byteLength);
      store<u32>(block + 8 + i * 8, this.values[i].byteLength);
      at = put(at, this.names[i]);
      at = put(at, this.values[i]);
    }
    return Bytes.at(block, size);
  }
}

function put(at: usize, buffer: ArrayBuffer): usize {
  memory.copy(at, addressOf(buffer), buffer.byteLength);
  store<u8>(at + buffer.byteLength, 0);
  return at + buffer.byteLength + 1;
}

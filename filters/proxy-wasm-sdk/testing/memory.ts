import { Status } from './abi.ts';

/** A guest passed an address outside its memory; the host function answers InvalidMemoryAccess. */
export class OutOfBounds extends Error {}

/** The guest's memory. Texts are binary strings: one character a byte (latin1), so that no byte is lost. */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;
  readonly #allocate: (size: number) => number;
  #bytes: Buffer;

  constructor(memory: WebAssembly.Memory, allocate: (size: number) => number) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#bytes = Buffer.from(memory.buffer);
  }

  get pages(): number {
    return this.#memory.buffer.byteLength / 65536;
  }

  /** Growing detaches the old buffer. */
  get #current(): Buffer {
    if (this.#bytes.buffer !== this.#memory.buffer) this.#bytes = Buffer.from(this.#memory.buffer);
    return this.#bytes;
  }

  /** A copy. */
  bytes(address: number, size: number): Buffer {
    return Buffer.from(this.#range(address, size));
  }

  text(address: number, size: number): string {
    const { start, end } = this.#bounds(address, size);
    return this.#current.toString('latin1', start, end);
  }

  utf8(address: number, size: number): string {
    const { start, end } = this.#bounds(address, size);
    return this.#current.toString('utf8', start, end);
  }

  setU32(address: number, value: number): void {
    const { start } = this.#bounds(address, 4);
    this.#current.writeUInt32LE(value >>> 0, start);
  }

  setU64(address: number, value: bigint): void {
    const { start } = this.#bounds(address, 8);
    this.#current.writeBigUInt64LE(BigInt.asUintN(64, value), start);
  }

  /** Hands bytes out: memory from the guest's own allocator, its address and size written where it asked. */
  give(value: string | Uint8Array, outAddress: number, outSize: number): number {
    let address = 0;
    if (value.length > 0) {
      address = this.#allocate(value.length) >>> 0;
      if (address === 0) return Status.InternalFailure;
      const { start } = this.#bounds(address, value.length);
      if (typeof value === 'string') this.#current.write(value, start, 'latin1');
      else this.#current.set(value, start);
    }
    this.setU32(outAddress, address);
    this.setU32(outSize, value.length);
    return Status.Ok;
  }

  #range(address: number, size: number): Buffer {
    const { start, end } = this.#bounds(address, size);
    return this.#current.subarray(start, end);
  }

  #bounds(address: number, size: number): { start: number; end: number } {
    const start = address >>> 0;
    const end = start + (size >>> 0);
    if (end > this.#memory.buffer.byteLength) throw new OutOfBounds(`guest memory ${start}+${size >>> 0}`);
    return { start, end };
  }
}

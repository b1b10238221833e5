import { collectGarbage } from "./collect";

/**
 * Memory that lives for one callback: what the host hands out, and the `Bytes` that point to it. A bump pointer over one
 * block of 64 KiB, moved back at the entry of every callback; what does not fit is taken from the heap and freed at the
 * same moment. So no callback leaks, however it ends, and memory stays flat.
 */
const SIZE: usize = 64 * 1024;
/** Before each oversized block: address of the one before it (16 bytes keep the block aligned). */
const SPILL_HEADER: usize = 16;

let start: usize = 0;
let end: usize = 0;
let next: usize = 0;
let spilled: usize = 0;
let depth: i32 = 0;

/** First thing in every export that runs filter code. A callback inside a callback keeps the outer one's memory. */
export function enter(): void {
  if (depth++ == 0) reset();
}

/** Last thing in every export that called `enter`. */
export function leave(): void {
  if (--depth == 0) collectGarbage();
}

function reset(): void {
  next = start;
  while (spilled != 0) {
    const block = spilled;
    spilled = load<usize>(block);
    heap.free(block);
  }
}

/** Memory until the end of this callback, 8-aligned, not cleared. Traps only when the VM is out of memory. */
export function allocate(size: usize): usize {
  if (start == 0) {
    start = heap.alloc(SIZE);
    end = start + SIZE;
    next = start;
  }
  const rounded = (size + 7) & ~7;
  if (rounded <= end - next) {
    const block = next;
    next += rounded;
    return block;
  }
  const block = heap.alloc(size + SPILL_HEADER);
  store<usize>(block, spilled);
  spilled = block;
  return block + SPILL_HEADER;
}

/** Where host functions write addresses, sizes and numbers: read it before the next host call. */
export const OUT: usize = memory.data(24, 8);

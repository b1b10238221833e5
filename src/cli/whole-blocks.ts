/** A capture that is cut short ends with its last whole packet. */

/** Of a block's header, and the least that the length in it may say. */
const HEADER_BYTES = 8;
const BLOCK_BYTES_MIN = 12;

/**
 * Passes pcapng (little-endian, as src/telemetry/pcapng.ts writes it) on block by block. What comes after the last whole
 * one is dropped: with half a block at its end Wireshark calls the file damaged, and tshark fails.
 */
export async function* wholeBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    let end = 0;
    while (end + HEADER_BYTES <= rest.length) {
      const next = end + Math.max(rest.readUInt32LE(end + 4), BLOCK_BYTES_MIN);
      if (next > rest.length) break;
      end = next;
    }
    if (end > 0) yield rest.subarray(0, end);
    rest = rest.subarray(end);
  }
}

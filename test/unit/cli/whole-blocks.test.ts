import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { wholeBlocks } from '../../../src/cli/whole-blocks.ts';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../../../src/telemetry/pcapng.ts';

const packet = (bytes: number) =>
  enhancedPacket({ interfaceId: 0, timeNs: 1n, data: Buffer.alloc(bytes, 7), originalLength: bytes });
const BLOCKS = [
  sectionHeader('a test'),
  interfaceDescription('eth0', 'a device', 0),
  packet(1),
  packet(1000),
  packet(0),
];
const FILE = Buffer.concat(BLOCKS);

async function passed(bytes: Uint8Array, chunkBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  const blocks: Buffer[] = [];
  for await (const block of wholeBlocks(Readable.from(chunks))) blocks.push(block);
  return Buffer.concat(blocks);
}

test.each([1, 7, 8, 100, FILE.length])('passes every byte of whole blocks, in chunks of %d', async (chunkBytes) => {
  expect((await passed(FILE, chunkBytes)).equals(FILE)).toBe(true);
});

test('drops what is not a whole block, wherever the file is cut', async () => {
  const ends = BLOCKS.map((_, index) => Buffer.concat(BLOCKS.slice(0, index + 1)).length);
  for (let cut = 0; cut < FILE.length; cut++) {
    const whole = Math.max(0, ...ends.filter((end) => end <= cut));
    expect((await passed(FILE.subarray(0, cut), 64)).equals(FILE.subarray(0, whole)), `cut at ${cut}`).toBe(true);
  }
});

test('comes to an end with a length that no block has', async () => {
  expect((await passed(Buffer.alloc(64), 64)).length).toBe(60);
});

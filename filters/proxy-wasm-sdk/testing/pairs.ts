/** Headers: names and values are binary strings (one character a byte); a name may be there several times. */
export type HeaderList = [name: string, value: string][];

/** u32 count, then (name size, value size) each, then names and values, each with a NUL behind it. */
export function encodePairs(headers: HeaderList): Buffer {
  const size = headers.reduce((sum, [name, value]) => sum + 8 + name.length + value.length + 2, 4);
  const block = Buffer.alloc(size);
  block.writeUInt32LE(headers.length, 0);
  let at = 4 + headers.length * 8;
  headers.forEach(([name, value], index) => {
    block.writeUInt32LE(name.length, 4 + index * 8);
    block.writeUInt32LE(value.length, 8 + index * 8);
    at += block.write(name, at, 'latin1') + 1;
    at += block.write(value, at, 'latin1') + 1;
  });
  return block;
}

/** Undefined for a malformed block. An empty block is an empty list. */
export function decodePairs(block: Buffer): HeaderList | undefined {
  if (block.length === 0) return [];
  if (block.length < 4) return undefined;
  const count = block.readUInt32LE(0);
  if (4 + count * 8 > block.length) return undefined;
  const headers: HeaderList = [];
  let at = 4 + count * 8;
  const take = (size: number): string => {
    at += size + 1;
    return block.toString('latin1', at - size - 1, at - 1);
  };
  for (let index = 0; index < count; index++) {
    headers.push([take(block.readUInt32LE(4 + index * 8)), take(block.readUInt32LE(8 + index * 8))]);
  }
  return at === block.length ? headers : undefined;
}

/**
 * Blocks of a pcapng file, little-endian (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html). Packets
 * begin with their IP header (LINKTYPE_RAW); times are nanoseconds since the epoch.
 */

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const LINKTYPE_RAW = 101;

const OPTION_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_DESCRIPTION = 3;
const IF_TSRESOL = 9;
const ISB_IFRECV = 4;
const ISB_IFDROP = 5;
const NANOSECONDS = 9;

/** The first block. @param application What wrote the file. */
export function sectionHeader(application: string): Buffer {
  const body = Buffer.alloc(16);
  body.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  body.writeUInt16LE(1, 4);
  body.writeBigInt64LE(-1n, 8);
  return block(SECTION_HEADER, body, options([SHB_USERAPPL, Buffer.from(application)]));
}

/** The n-th of these is interface n of the packets. @param snapLength Bytes of a packet at most; 0: no limit. */
export function interfaceDescription(name: string, description: string, snapLength: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16LE(LINKTYPE_RAW, 0);
  body.writeUInt32LE(snapLength, 4);
  return block(
    INTERFACE_DESCRIPTION,
    body,
    options(
      [IF_NAME, Buffer.from(name)],
      [IF_DESCRIPTION, Buffer.from(description)],
      [IF_TSRESOL, Buffer.of(NANOSECONDS)],
    ),
  );
}

export interface Packet {
  readonly interfaceId: number;
  readonly timeNs: bigint;
  readonly data: Uint8Array;
  /** Length of the packet before it was cut. */
  readonly originalLength: number;
  readonly comment?: string;
}

export function enhancedPacket({ interfaceId, timeNs, data, originalLength, comment }: Packet): Buffer {
  const body = Buffer.alloc(20 + padded(data.length));
  body.writeUInt32LE(interfaceId, 0);
  writeTime(body, 4, timeNs);
  body.writeUInt32LE(data.length, 12);
  body.writeUInt32LE(originalLength, 16);
  body.set(data, 20);
  return block(
    ENHANCED_PACKET,
    body,
    comment === undefined ? Buffer.alloc(0) : options([OPTION_COMMENT, Buffer.from(comment)]),
  );
}

/** Packets that were seen, and how many of them are not in the file. */
export function interfaceStatistics(
  interfaceId: number,
  timeNs: bigint,
  { seen, dropped }: { readonly seen: number; readonly dropped: number },
): Buffer {
  const body = Buffer.alloc(12);
  body.writeUInt32LE(interfaceId, 0);
  writeTime(body, 4, timeNs);
  return block(INTERFACE_STATISTICS, body, options([ISB_IFRECV, u64(seen)], [ISB_IFDROP, u64(dropped)]));
}

function block(type: number, body: Uint8Array, tail: Uint8Array): Buffer {
  const length = 12 + body.length + tail.length;
  const all = Buffer.alloc(length);
  all.writeUInt32LE(type, 0);
  all.writeUInt32LE(length, 4);
  all.set(body, 8);
  all.set(tail, 8 + body.length);
  all.writeUInt32LE(length, length - 4);
  return all;
}

function options(...all: readonly (readonly [code: number, value: Uint8Array])[]): Buffer {
  const parts = all.map(([code, value]) => {
    const option = Buffer.alloc(4 + padded(value.length));
    option.writeUInt16LE(code, 0);
    option.writeUInt16LE(value.length, 2);
    option.set(value, 4);
    return option;
  });
  return Buffer.concat([...parts, Buffer.alloc(4)]);
}

/** High half first, each little-endian. */
function writeTime(body: Buffer, at: number, timeNs: bigint): void {
  body.writeUInt32LE(Number(timeNs >> 32n), at);
  body.writeUInt32LE(Number(timeNs & 0xffffffffn), at + 4);
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const padded = (length: number): number => (length + 3) & ~3;

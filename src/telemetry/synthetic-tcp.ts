/**
 * Packets that TCP could have sent, made of pieces of messages. A connection begins with a handshake when its first piece
 * comes, whenever it was really opened; sequence numbers count from there on what each end sent, by TCP and past it, so
 * that a piece that is missing shows as a gap.
 */
import type { FlowKey } from '../generated/abi.ts';

/** What is known of a piece of a message. */
export interface PieceFacts {
  readonly key: FlowKey;
  /** Of the sending socket. */
  readonly cookie: bigint;
  /** Of its first byte among what the socket sent; 32 bits. */
  readonly position: number;
  readonly pieceBytes: number;
  /** Its first bytes, or all. */
  readonly bytes: Uint8Array;
}

export interface Frame {
  /** From the IP header on. */
  readonly data: Buffer;
  readonly originalLength: number;
}

interface Direction {
  readonly cookie: bigint;
  /** Position that has sequence number 1. */
  readonly first: number;
  /** Sequence number after the last byte seen. */
  next: number;
}

const FLAGS = { SYN: 2, ACK: 16, PSH: 8 } as const;
const MAPPED = 0xffff0000;
/** 14 bits of scale: no window is ever full. */
const WINDOW_SCALE = Buffer.of(3, 3, 14, 1);
const WINDOW = 0xffff;
const TCP_BYTES = 20;
const IPPROTO_TCP = 6;
const TTL = 64;
const DONT_FRAGMENT = 0x4000;
/** Ends are kept for so many connections; the one that began first is forgotten, and would begin again. */
const CONNECTIONS_MAX = 16_384;

export class SyntheticTcp {
  /** By sender's ends. */
  readonly #directions = new Map<string, Direction>();

  /** The frames of a piece, its connection's handshake before the first. */
  frames(piece: PieceFacts): Frame[] {
    const { key, position, pieceBytes, bytes } = piece;
    const sent = nameOf(key);
    const received = nameOf(reverse(key));
    const frames: Frame[] = [];
    let direction = this.#directions.get(sent);
    if (direction !== undefined && direction.cookie !== piece.cookie) {
      // The addresses are used again: this is another connection.
      this.#directions.delete(received);
      direction = undefined;
    }
    if (direction === undefined) {
      direction = { cookie: piece.cookie, first: position, next: 1 };
      this.#directions.delete(sent);
      this.#directions.set(sent, direction);
      if (!this.#directions.has(received)) frames.push(...handshake(key));
      this.#forget();
    }
    const sequence = (position - direction.first + 1) >>> 0;
    const acknowledged = this.#directions.get(received)?.next ?? 1;
    frames.push(frame(key, sequence, acknowledged, FLAGS.PSH | FLAGS.ACK, bytes, pieceBytes));
    direction.next = (sequence + pieceBytes) >>> 0;
    return frames;
  }

  #forget(): void {
    for (const oldest of this.#directions.keys()) {
      if (this.#directions.size <= 2 * CONNECTIONS_MAX) break;
      this.#directions.delete(oldest);
    }
  }
}

/** Who opened the connection is not known: clients' ports are the higher ones. */
function handshake(key: FlowKey): Frame[] {
  const client = key.localPort >= key.remotePort ? key : reverse(key);
  const server = reverse(client);
  return [frame(client, 0, 0, FLAGS.SYN), frame(server, 0, 1, FLAGS.SYN | FLAGS.ACK), frame(client, 1, 1, FLAGS.ACK)];
}

const NONE = new Uint8Array();

function frame(
  key: FlowKey,
  sequence: number,
  acknowledged: number,
  flags: number,
  bytes: Uint8Array = NONE,
  payloadBytes = 0,
): Frame {
  const option = flags & FLAGS.SYN ? WINDOW_SCALE : NONE;
  const tcpBytes = TCP_BYTES + option.length;
  const ip = isIpv4(key) ? ipv4Header(key, tcpBytes + payloadBytes) : ipv6Header(key, tcpBytes + payloadBytes);
  const tcp = Buffer.alloc(tcpBytes);
  tcp.writeUInt16BE(key.localPort, 0);
  tcp.writeUInt16BE(key.remotePort, 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(acknowledged, 8);
  tcp.writeUInt8((tcpBytes / 4) << 4, 12);
  tcp.writeUInt8(flags, 13);
  tcp.writeUInt16BE(WINDOW, 14);
  tcp.set(option, TCP_BYTES);
  // Of a piece that was cut it cannot be told.
  if (bytes.length === payloadBytes) {
    const pseudo = sum(addresses(key), IPPROTO_TCP + tcpBytes + payloadBytes);
    tcp.writeUInt16BE(folded(sum(bytes, sum(tcp, pseudo))), 16);
  }
  return { data: Buffer.concat([ip, tcp, bytes]), originalLength: ip.length + tcpBytes + payloadBytes };
}

function ipv4Header(key: FlowKey, payloadBytes: number): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + payloadBytes, 2);
  header.writeUInt16BE(DONT_FRAGMENT, 6);
  header.writeUInt8(TTL, 8);
  header.writeUInt8(IPPROTO_TCP, 9);
  addresses(key).copy(header, 12);
  header.writeUInt16BE(folded(sum(header, 0)), 10);
  return header;
}

function ipv6Header(key: FlowKey, payloadBytes: number): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(payloadBytes, 4);
  header.writeUInt8(IPPROTO_TCP, 6);
  header.writeUInt8(TTL, 7);
  addresses(key).copy(header, 8);
  return header;
}

/** Source and destination as they stand in the IP header. */
function addresses(key: FlowKey): Buffer {
  const from = isIpv4(key) ? 3 : 0;
  const words = [...key.localIpBe.slice(from), ...key.remoteIpBe.slice(from)];
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, i) => {
    bytes.writeUInt32LE(word, i * 4);
  });
  return bytes;
}

function isIpv4({ localIpBe: [first, second, third] }: FlowKey): boolean {
  return first === 0 && second === 0 && third === MAPPED;
}

/** The Internet checksum (RFC 1071), not folded. Each part but the last has an even length. */
function sum(bytes: Uint8Array, start: number): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return total;
}

function folded(total: number): number {
  let rest = total;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x10000);
  return ~rest & 0xffff;
}

function reverse(key: FlowKey): FlowKey {
  const { scope, localIpBe, remoteIpBe, localPort, remotePort } = key;
  return { scope, localIpBe: remoteIpBe, remoteIpBe: localIpBe, localPort: remotePort, remotePort: localPort };
}

function nameOf({ scope, localIpBe, remoteIpBe, localPort, remotePort }: FlowKey): string {
  return `${scope} ${localIpBe} ${localPort} ${remoteIpBe} ${remotePort}`;
}

/** What promoted sockets send, as a stream of pcapng. */
import { Readable } from 'node:stream';
import { Mirror, type Piece } from '../dataplane/mirror.ts';
import { Outcome } from '../generated/abi.ts';
import { OUTCOME_MEANINGS } from './outcomes.ts';
import { enhancedPacket, interfaceDescription, interfaceStatistics, sectionHeader } from './pcapng.ts';
import { SyntheticTcp } from './synthetic-tcp.ts';

export interface CaptureOptions {
  readonly mapPinDir: string;
  /** Path of pcap.bpf.o. */
  readonly object: string;
  readonly cookies: readonly bigint[];
  readonly cgroupIds: readonly bigint[];
  /** Payload of a packet that is kept. */
  readonly snapBytes: number;
  /** The capture ends before the file grows larger. */
  readonly maxFileBytes: number;
}

export interface CaptureSummary {
  readonly packets: number;
  /** Packets that are not in the file: the ring was full, or who reads it too slow. */
  readonly lost: number;
  readonly fileBytes: number;
}

/** Interfaces of the file, by number. */
const REDIRECTED = 0;
const TCP = 1;
const INTERFACES = [
  ['redirected', 'went from socket to socket; no device saw it'],
  ['tcp', 'went by TCP; devices saw it too, with other sequence numbers'],
] as const;
/** IPv6, and TCP with its option. */
const LARGEST_HEADER = 64;

/** For a reader that does not keep up; more is lost, and counted. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** Of the two blocks that end a file. */
const TAIL_BYTES = 128;

export class Capture implements Disposable {
  /** The file. Destroying it ends the capture, {@link finish} does too. */
  readonly stream: Readable;
  readonly #options: CaptureOptions;
  readonly #mirror: Mirror;
  readonly #tcp = new SyntheticTcp();
  /** From CLOCK_MONOTONIC to the time of day, when the capture began. */
  readonly #epochNs: bigint;
  readonly #packets = [0, 0];
  readonly #lost = [0, 0];
  #fileBytes = 0;
  #isCongested = false;
  #isFinished = false;

  /** Captures from now on. @throws what {@link Mirror.open} throws. */
  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#epochNs = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
    this.stream = new Readable({
      highWaterMark: BUFFER_BYTES,
      read: () => {
        this.#isCongested = false;
      },
      destroy: (error, done) => {
        this.finish();
        done(error);
      },
    });
    this.#push(sectionHeader('shunt'));
    for (const [name, what] of INTERFACES) {
      this.#push(interfaceDescription(name, what, options.snapBytes + LARGEST_HEADER));
    }
    this.#mirror = Mirror.open({ ...options, onPiece: (piece) => this.#add(piece) });
  }

  /** Ends it: what was copied already, how much was lost, the end of the file. Safe to call twice. */
  finish(): void {
    if (this.#isFinished) return;
    this.#mirror.finish();
    // A piece may have been the last that fits.
    if (this.#isFinished) return;
    this.#close();
  }

  get summary(): CaptureSummary {
    const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
    return { packets: sum(this.#packets), lost: sum(this.#lost), fileBytes: this.#fileBytes };
  }

  [Symbol.dispose](): void {
    this.finish();
  }

  #close(): void {
    this.#isFinished = true;
    const lost = this.#mirror.lost();
    this.#mirror[Symbol.dispose]();
    this.#lost[REDIRECTED] = (this.#lost[REDIRECTED] ?? 0) + lost.redirected;
    this.#lost[TCP] = (this.#lost[TCP] ?? 0) + lost.tcp;
    const nowNs = process.hrtime.bigint() + this.#epochNs;
    INTERFACES.forEach((_, id) => {
      const dropped = this.#lost[id] ?? 0;
      this.#push(interfaceStatistics(id, nowNs, { seen: (this.#packets[id] ?? 0) + dropped, dropped }));
    });
    this.stream.push(null);
  }

  #add(piece: Piece): void {
    if (this.#isFinished) return;
    const id = piece.outcome === Outcome.REDIRECTED ? REDIRECTED : TCP;
    if (this.#isCongested) {
      this.#lost[id] = (this.#lost[id] ?? 0) + 1;
      return;
    }
    const timeNs = piece.timeNs + this.#epochNs;
    const comment = id === REDIRECTED ? {} : { comment: `by TCP: ${OUTCOME_MEANINGS[piece.outcome]}` };
    const frames = this.#tcp.frames(piece);
    const blocks = frames.map((frame, i) =>
      enhancedPacket({ interfaceId: id, timeNs, ...frame, ...(i === frames.length - 1 ? comment : {}) }),
    );
    const bytes = blocks.reduce((sum, { length }) => sum + length, 0);
    if (this.#fileBytes + bytes + TAIL_BYTES > this.#options.maxFileBytes) {
      this.#close();
      return;
    }
    this.#packets[id] = (this.#packets[id] ?? 0) + frames.length;
    for (const block of blocks) this.#push(block);
  }

  #push(block: Buffer): void {
    this.#fileBytes += block.length;
    if (!this.stream.push(block)) this.#isCongested = true;
  }
}

/** Copies of what promoted sockets send, made by bpf/pcap.bpf.c while somebody wants them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BpfMap } from '../bpf/map.ts';
import { BpfObject } from '../bpf/object.ts';
import { RingReader } from '../bpf/ring.ts';
import { ShuntError } from '../errors.ts';
import { type MirrorControl, Mirrored, MirrorKind, maps } from '../generated/abi.ts';

/** One piece of a message, at most 4096 bytes long. */
export interface Piece extends Mirrored {
  /** The first `copiedBytes` of it; valid only until the callback returns. */
  readonly bytes: Uint8Array;
}

export interface MirrorOptions {
  /** Where the maps of the fast path are pinned. */
  readonly mapPinDir: string;
  readonly object: string;
  /** Connections, both directions of each: cookies of one of their sockets. */
  readonly cookies: readonly bigint[];
  /** Members, all of whose connections are copied. */
  readonly cgroupIds: readonly bigint[];
  /** Of each piece that are copied; 0: none. */
  readonly snapBytes: number;
  readonly onPiece: (piece: Piece) => void;
}

/** Pieces that found the ring full. */
export interface Lost {
  readonly redirected: number;
  readonly tcp: number;
}

const PRIVATE: readonly string[] = [maps.mirrored.name, maps.mirrorControl.name, maps.mirrorRing.name];

/** There is one place for it: a second one takes over from the first, which then sees nothing more. */
export class Mirror implements Disposable {
  readonly #slot: BpfMap<number, number>;
  readonly #control: BpfMap<number, MirrorControl>;
  readonly #ring: RingReader;
  readonly #undo: DisposableStack;

  private constructor(
    slot: BpfMap<number, number>,
    control: BpfMap<number, MirrorControl>,
    ring: RingReader,
    undo: DisposableStack,
  ) {
    this.#slot = slot;
    this.#control = control;
    this.#ring = ring;
    this.#undo = undo;
  }

  /** Pieces come from now on. Dispose it. @throws E_USAGE when the fast path is off, E_BPF_*. */
  static open(options: MirrorOptions): Mirror {
    const slotPath = join(options.mapPinDir, maps.mirrors.name);
    if (!existsSync(slotPath)) throw new ShuntError('E_USAGE', 'the fast path is off: there is nothing to capture');
    using undo = new DisposableStack();
    const slot = undo.use(BpfMap.open(slotPath, maps.mirrors));
    const object = undo
      .use(
        BpfObject.open(options.object, {
          mapPinDir: options.mapPinDir,
          isPrivate: (map) => PRIVATE.includes(map),
        }),
      )
      .load();
    const control = object.map(maps.mirrorControl);
    control.set(0, { snapBytes: options.snapBytes, lostRedirected: 0n, lostTcp: 0n });
    const wanted = object.map(maps.mirrored);
    for (const id of options.cookies) wanted.set({ id, kind: MirrorKind.COOKIE }, 1);
    for (const id of options.cgroupIds) wanted.set({ id, kind: MirrorKind.CGROUP }, 1);
    const ring = new RingReader(object.map(maps.mirrorRing), maps.mirrorRing.maxEntries, (view, offset) => {
      options.onPiece(decode(view, offset));
    });
    undo.use(ring);
    slot.set(0, object.program('mirror').fd);
    return new Mirror(slot, control, ring, undo.move());
  }

  /** Delivers what has been copied already. Nothing more comes afterwards. */
  finish(): void {
    this.#slot.delete(0);
    this.#ring.drain();
  }

  lost(): Lost {
    const control = this.#control.get(0);
    return { redirected: Number(control?.lostRedirected ?? 0n), tcp: Number(control?.lostTcp ?? 0n) };
  }

  /** Safe to call twice. */
  [Symbol.dispose](): void {
    if (this.#undo.disposed) return;
    this.#slot.delete(0);
    this.#undo.dispose();
  }
}

/** Ends what a supervisor that was killed left capturing. */
export function dropMirror(mapPinDir: string): void {
  const path = join(mapPinDir, maps.mirrors.name);
  if (!existsSync(path)) return;
  using slot = BpfMap.open(path, maps.mirrors);
  slot.delete(0);
}

function decode(view: DataView, offset: number): Piece {
  const header = Mirrored.decode(view, offset);
  const start = view.byteOffset + offset + Mirrored.size;
  return { ...header, bytes: new Uint8Array(view.buffer, start, header.copiedBytes) };
}

/**
 * A BPF ring buffer, read in place: its pages are mapped, so a record costs no system call and no copy (35 ns for two
 * fields, where a callback from libbpf costs 1,500). Layout and protocol: kernel/bpf/ringbuf.c. Least kernel: 5.8.
 */
import { ShuntError } from '../errors.ts';
import { closed, failure } from './errors.ts';
import { errno, isMapFailed, libc, type Mapping, type Poll, pollReadable, viewMapping } from './ffi.ts';
import type { BpfMap } from './map.ts';
import { track } from './registry.ts';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const SC_PAGESIZE = 30;
const F_DUPFD_CLOEXEC = 1030;

/** A record is preceded by u32 length with two flags in its top bits, and u32 page offset; it is padded to 8 bytes. */
const HEADER_BYTES = 8;
const BUSY = 0x80000000;
const DISCARD = 0x40000000;
const LENGTH = 0x3fffffff;

/** Give space back to the producers this often, so that a long backlog does not make them drop. */
const RELEASE_EVERY = 256;

/**
 * After a wake-up, look again only this much later: events come in bursts, and a wake-up for each costs five times the
 * CPU (11.7 % against 2.2 % of a core at 10,000 events a second). The first event of a burst is not delayed.
 */
const COALESCE_MS = 5;

/**
 * waiting: the kernel wakes us at the next record. draining: records came; we look again after COALESCE_MS. closed:
 * disposed.
 */
export type RingState = 'waiting' | 'draining' | 'closed';

/** Decode `length` bytes at `offset` of `view` at once: the memory is reused when this returns, and unmapped at dispose. */
export type OnRecord = (view: DataView, offset: number, length: number) => void;

/**
 * Reads records until disposed; keeps the process alive unless {@link unref} is called. There must be one reader a ring,
 * in all processes: readers share one position. What `onRecord` throws becomes an uncaught exception; the record is
 * consumed and the others are still delivered. Does not close the map; the map may close first.
 */
export class RingReader implements Disposable {
  readonly #size: number;
  readonly #pageBytes: number;
  readonly #onRecord: OnRecord;
  readonly #untrack: () => void;
  /** Our own duplicate: libuv aborts when one descriptor gets a second poll handle. */
  readonly #fd: number;
  readonly #mappings: [Mapping, Mapping];
  readonly #buffers: [ArrayBuffer, ArrayBuffer];
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #headers: Uint32Array;
  readonly #data: DataView;
  readonly #poll: Poll;
  #timer: NodeJS.Timeout | undefined;
  #unreferenced = false;
  /** False: the last drain stopped at a record that is still being written. */
  #caughtUp = true;
  #state: RingState = 'waiting';

  /** @param size Bytes of the ring, as its definition's `maxEntries`. @throws E_BPF_MAP. */
  constructor(map: BpfMap<undefined, undefined>, size: number, onRecord: OnRecord) {
    const what = `map ${map.definition.name}`;
    if (map.definition.type !== 'RINGBUF' || map.definition.maxEntries !== size) {
      throw new ShuntError('E_BPF_MAP', `${what}: not a ring buffer of ${size} bytes`);
    }
    this.#size = size;
    this.#pageBytes = libc().sysconf(SC_PAGESIZE);
    this.#onRecord = onRecord;
    const fd = libc().fcntl(map.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) throw failure('E_BPF_MAP', `duplicate ${what}`, 'fcntl', errno());
    this.#fd = fd;
    try {
      this.#mappings = this.#map(what);
    } catch (error) {
      libc().close(fd);
      throw error;
    }
    const [consumer, producer] = this.#mappings;
    this.#buffers = [viewMapping(consumer, this.#pageBytes), viewMapping(producer, this.#pageBytes + 2 * size)];
    this.#consumed = new BigUint64Array(this.#buffers[0], 0, 1);
    this.#produced = new BigUint64Array(this.#buffers[1], 0, 1);
    // The data is mapped twice in a row: a record that wraps around is contiguous in the second copy.
    this.#headers = new Uint32Array(this.#buffers[1], this.#pageBytes);
    this.#data = new DataView(this.#buffers[1], this.#pageBytes);
    this.#untrack = track(`ring ${map.definition.name}`);
    this.#poll = pollReadable(this.#fd, this.#wake);
  }

  /** Delivers what is there now, without waiting for a wake-up. Returns how many records. */
  drain(): number {
    if (this.#state === 'closed') throw closed('E_BPF_MAP', 'ring buffer');
    let position = Number(Atomics.load(this.#consumed, 0));
    let delivered = 0;
    let unreleased = 0;
    for (;;) {
      const end = Number(Atomics.load(this.#produced, 0));
      if (position >= end) break;
      let busy = false;
      while (position < end) {
        // Positions only grow, beyond 2^31: the remainder by BigInt would allocate, by number it is exact up to 2^53.
        const offset = position % this.#size;
        const header = Atomics.load(this.#headers, offset >>> 2);
        busy = (header & BUSY) !== 0;
        if (busy) break;
        const length = header & LENGTH;
        if ((header & DISCARD) === 0) {
          this.#deliver(offset + HEADER_BYTES, length);
          delivered++;
          // onRecord may have disposed us; the memory is gone then.
          if (this.#isClosed()) return delivered;
        }
        position += (length + HEADER_BYTES + 7) & ~7;
        unreleased++;
        if (unreleased === RELEASE_EVERY) {
          Atomics.store(this.#consumed, 0, BigInt(position));
          unreleased = 0;
        }
      }
      // Store, then look at the producer again: it wakes us only when it sees that all before its record was consumed.
      Atomics.store(this.#consumed, 0, BigInt(position));
      unreleased = 0;
      this.#caughtUp = !busy;
      if (busy) break;
    }
    return delivered;
  }

  get state(): RingState {
    return this.#state;
  }

  /** Lets the process end while this reader waits. */
  unref(): this {
    this.#unreferenced = true;
    this.#poll.unref();
    this.#timer?.unref();
    return this;
  }

  /** Records that were not read stay for the next reader. Safe to call twice, also from `onRecord`. */
  [Symbol.dispose](): void {
    if (this.#isClosed()) return;
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#poll.close();
    // Detached first: a view that somebody kept throws from now on; it would crash on unmapped memory.
    for (const buffer of this.#buffers) buffer.transfer(0);
    libc().munmap(this.#mappings[0], this.#pageBytes);
    libc().munmap(this.#mappings[1], this.#pageBytes + 2 * this.#size);
    libc().close(this.#fd);
    this.#untrack();
  }

  /** The consumer's page (ours to write), then the producer's page and the data twice (read only). */
  #map(what: string): [Mapping, Mapping] {
    const { mmap, munmap } = libc();
    const consumer = mmap(null, this.#pageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, this.#fd, 0);
    if (isMapFailed(consumer)) throw failure('E_BPF_MAP', `map the consumer page of ${what}`, 'mmap', errno());
    const length = this.#pageBytes + 2 * this.#size;
    const producer = mmap(null, length, PROT_READ, MAP_SHARED, this.#fd, this.#pageBytes);
    if (isMapFailed(producer)) {
      const error = errno();
      munmap(consumer, this.#pageBytes);
      throw failure('E_BPF_MAP', `map the data of ${what}`, 'mmap', error);
    }
    return [consumer, producer];
  }

  #deliver(offset: number, length: number): void {
    try {
      this.#onRecord(this.#data, offset, length);
    } catch (error) {
      // Out of the poll callback, where an exception would surface in an unrelated call.
      setImmediate(() => {
        throw error;
      });
    }
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  readonly #wake = (): void => {
    this.#poll.stop();
    this.#state = 'draining';
    this.#drainThenWait();
  };

  /** Drains every COALESCE_MS while there is something, then goes back to waiting for the kernel. */
  readonly #drainThenWait = (): void => {
    this.#timer = undefined;
    const delivered = this.drain();
    if (this.#isClosed()) return;
    // A record being written counts as readable: polling for it would spin.
    if (delivered === 0 && this.#caughtUp) {
      this.#state = 'waiting';
      this.#poll.start(this.#wake);
      if (this.#unreferenced) this.#poll.unref();
      return;
    }
    this.#timer = setTimeout(this.#drainThenWait, COALESCE_MS);
    if (this.#unreferenced) this.#timer.unref();
  };
}

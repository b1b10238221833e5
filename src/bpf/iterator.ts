/** Iterators: programs that the kernel runs once for each entry of a map, in the call of whoever asks. */
import { readSync } from 'node:fs';
import { check } from './errors.ts';
import { atAddress, libbpf, libc } from './ffi.ts';
import { BpfLink } from './link.ts';
import type { BpfMap } from './map.ts';
import type { BpfProgram } from './program.ts';
import { RingReader } from './ring.ts';

/** enum bpf_attach_type. */
const BPF_TRACE_ITER = 28;
/** struct bpf_link_create_opts (tools/lib/bpf/bpf.h): size_t sz, u32 flags, padding, pointer iter_info, u32 its length, u32. */
const OPTIONS_BYTES = 32;
const OFFSET = { size: 0, info: 16, infoBytes: 24 } as const;

/**
 * A program of section `iter/bpf_sk_storage_map` over one map. Dispose it; the object that it came from may close first.
 * Least kernel: 5.9 for the iterator; what its program may call is another matter.
 */
export class MapIterator implements Disposable {
  readonly #link: BpfLink;
  readonly #what: string;

  private constructor(link: BpfLink, what: string) {
    this.#link = link;
    this.#what = what;
  }

  /** @throws E_BPF_ATTACH, for example when the program is no iterator over maps of this type. */
  static attach<K, V>(program: BpfProgram, map: BpfMap<K, V>): MapIterator {
    const what = `iterate with ${program.name} over map ${map.definition.name}`;
    const info = Uint32Array.of(map.fd);
    const fd = atAddress(info, (address) => {
      const options = new DataView(new ArrayBuffer(OPTIONS_BYTES));
      options.setBigUint64(OFFSET.size, BigInt(OPTIONS_BYTES), true);
      options.setBigUint64(OFFSET.info, address, true);
      options.setUint32(OFFSET.infoBytes, info.byteLength, true);
      return libbpf().linkCreate(program.fd, 0, BPF_TRACE_ITER, new Uint8Array(options.buffer));
    });
    return new MapIterator(new BpfLink(check('E_BPF_ATTACH', what, 'bpf_link_create', fd), what), what);
  }

  /** Runs the program for each entry, and once more without one; returns when that is done. @throws E_SYSCALL. */
  run(): void {
    const fd = check('E_SYSCALL', this.#what, 'bpf_iter_create', libbpf().iteratorCreate(this.#link.fd));
    try {
      // The kernel pauses after a million entries without output (EAGAIN), and ends with an empty read.
      for (const unread = new Uint8Array(64); ; ) if (isAtEnd(fd, unread)) return;
    } finally {
      libc().close(fd);
    }
  }

  /**
   * Runs it after each burst of records, which are not looked at, until disposed. Does not keep the process alive.
   * @param onError Gets what {@link run} throws, for want of memory or descriptors; the next burst runs it again. Default: it
   * is thrown, which ends the process.
   */
  runOnRecords(ring: BpfMap<undefined, undefined>, onError?: (error: unknown) => void): Disposable {
    let pending: NodeJS.Immediate | undefined;
    const run = (): void => {
      pending = undefined;
      try {
        this.run();
      } catch (error) {
        if (onError === undefined) throw error;
        onError(error);
      }
    };
    const reader = new RingReader(ring, ring.definition.maxEntries, () => {
      pending ??= setImmediate(run);
    }).unref();
    return {
      [Symbol.dispose]: () => {
        clearImmediate(pending);
        reader[Symbol.dispose]();
      },
    };
  }

  /** Safe to call twice. */
  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
  }
}

function isAtEnd(fd: number, buffer: Uint8Array): boolean {
  try {
    return readSync(fd, buffer) === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}

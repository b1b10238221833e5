/** What waits in the queues of promoted readers, as bpf/queues.bpf.c sees it when it is told to look. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BpfMap } from '../bpf/map.ts';
import { BpfObject } from '../bpf/object.ts';
import type { BpfProgram } from '../bpf/program.ts';
import { maps, type Queue } from '../generated/abi.ts';

export interface QueueRecord {
  /** Of the sending socket. */
  readonly cookie: bigint;
  readonly cgroupId: bigint;
  readonly peerCgroupId: bigint;
  /** False: it closed since the look before. Told once. */
  readonly isOpen: boolean;
  /** At the last look. */
  readonly queuedBytes: number;
  /** Sum of waiting bytes times nanoseconds, of the time in which looks were less than 2 s apart. */
  readonly byteNs: bigint;
  /** Redirected in that time: `byteNs / measuredBytes` is how long a byte waited on average. */
  readonly measuredBytes: bigint;
}

export interface QueuesOptions {
  /** Where the maps of the fast path are pinned. */
  readonly mapPinDir: string;
  /** Path of queues.bpf.o. */
  readonly object: string;
}

/** Costs nothing but some memory until it is told to look. */
export class Queues implements Disposable {
  readonly #object: BpfObject;
  readonly #program: BpfProgram;
  readonly #map: BpfMap<bigint, Queue>;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#program = object.program('look');
    this.#map = object.map(maps.queues);
  }

  /** undefined when the fast path is off. Dispose it. Least kernel: 5.13. @throws E_BPF_*. */
  static open(options: QueuesOptions): Queues | undefined {
    if (!existsSync(join(options.mapPinDir, maps.flows.name))) return undefined;
    using undo = new DisposableStack();
    const object = undo.use(
      BpfObject.open(options.object, {
        mapPinDir: options.mapPinDir,
        isPrivate: (map) => map === maps.queues.name,
      }),
    );
    const queues = new Queues(object.load());
    undo.move();
    return queues;
  }

  /** Adds to the sums. Returns how many flows there are; 0 also where the kernel does not count (before 6.12). */
  look(): number {
    return this.#program.run();
  }

  /** Looks, and tells what was seen; what closed is forgotten. */
  read(): QueueRecord[] {
    const beforeNs = process.hrtime.bigint();
    this.look();
    const records = [...this.#map.entries()].map(([cookie, queue]): QueueRecord => {
      return { cookie, isOpen: queue.lookedNs >= beforeNs, ...queue };
    });
    for (const { cookie, isOpen } of records) if (!isOpen) this.#map.delete(cookie);
    return records;
  }

  [Symbol.dispose](): void {
    this.#object[Symbol.dispose]();
  }
}

/** A compiled object: opened, loaded, its maps pinned. */
import { basename, join } from 'node:path';
import { ShuntError } from '../errors.ts';
import type { MapDefinition } from './codec.ts';
import { check, closed, failure } from './errors.ts';
import { errno, libbpf, libc, type MapPointer, type ObjectPointer, type ProgramPointer } from './ffi.ts';
import { mapInfo } from './info.ts';
import { BpfMap, layoutDifference } from './map.ts';
import { makePinDir, tryOpenPin } from './pins.ts';
import { heard } from './print.ts';
import { BpfProgram } from './program.ts';
import { track } from './registry.ts';
import { relevantLines, verifierLog } from './verifier.ts';

export interface OpenOptions {
  /**
   * Directory on bpffs, made if absent. Every map of the object is reused from DIR/NAME when that exists (same layout
   * demanded), else pinned there at load. Without it no map is pinned and all are new.
   */
  mapPinDir?: string;
  /** Maps for which this is true are new and not pinned, whatever `mapPinDir` says. Default: none. */
  isPrivate?: (map: string) => boolean;
  /** Programs for which this is true are not loaded: for features that a kernel lacks. */
  skip?: (program: string) => boolean;
}

type State = 'opened' | 'loaded' | 'closed';

/** Closing it unloads what is neither attached nor pinned. Programs and maps that it handed out close with it. */
export class BpfObject implements Disposable {
  readonly #name: string;
  readonly #pointer: ObjectPointer;
  readonly #programs = new Map<string, ProgramPointer>();
  readonly #maps = new Map<string, MapPointer>();
  readonly #skipped = new Set<string>();
  /** Programs and maps that borrow our descriptors. */
  readonly #borrowers = new DisposableStack();
  readonly #untrack: () => void;
  #state: State = 'opened';

  private constructor(path: string, pointer: ObjectPointer) {
    this.#name = basename(path);
    this.#pointer = pointer;
    this.#untrack = track(`object ${path}`);
  }

  /**
   * Parses the file; nothing is in the kernel yet. Dispose it.
   * @throws E_BPF_OPEN, E_BPF_PIN, E_ABI when a pinned map has another layout than the object's.
   */
  static open(path: string, options: OpenOptions = {}): BpfObject {
    const { result, warnings } = heard(() => {
      const pointer = libbpf().objectOpen(path, null);
      return { pointer, error: errno() };
    });
    if (result.pointer === null) {
      throw failure('E_BPF_OPEN', `open ${path}`, 'bpf_object__open_file', result.error, warnings[0] ?? '');
    }
    const object = new BpfObject(path, result.pointer);
    try {
      object.#collect();
      object.#skip(options.skip ?? (() => false));
      if (options.mapPinDir !== undefined) object.#pinMapsIn(options.mapPinDir, options.isPrivate ?? (() => false));
      return object;
    } catch (error) {
      object[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Creates maps and loads programs. @throws E_BPF_LOAD with the verifier's reason; its `cause` is a VerifierLog with
   * everything. Maps that this call pinned are unpinned again.
   */
  load(): this {
    this.#mustBe('opened');
    const { result, warnings } = heard(() => libbpf().objectLoad(this.#pointer));
    if (result < 0) {
      const log = verifierLog(warnings);
      const program = log.program === undefined ? '' : `, program ${log.program}`;
      const what = `load ${this.#name}${program}`;
      throw failure('E_BPF_LOAD', what, 'bpf_object__load', -result, relevantLines(log), log);
    }
    this.#state = 'loaded';
    return this;
  }

  /** @throws E_BPF_OPEN when the object has no such program or it was skipped. */
  program(name: string): BpfProgram {
    this.#mustBe('loaded');
    const pointer = this.#programs.get(name);
    if (pointer === undefined || this.#skipped.has(name)) {
      const why =
        pointer === undefined ? `has no such program (has: ${[...this.#programs.keys()].join(', ')})` : 'skipped it';
      throw new ShuntError('E_BPF_OPEN', `program ${name}: ${this.#name} ${why}`);
    }
    const type = libbpf().programAttachType(pointer);
    return this.#borrowers.use(new BpfProgram(name, libbpf().programFd(pointer), type, () => {}));
  }

  /** @throws E_BPF_OPEN when the object has no such map, E_ABI when its layout is not the definition's. */
  map<K, V>(definition: MapDefinition<K, V>): BpfMap<K, V> {
    this.#mustBe('loaded');
    const pointer = this.#maps.get(definition.name);
    if (pointer === undefined) {
      throw new ShuntError('E_BPF_OPEN', `map ${definition.name}: ${this.#name} has no such map`);
    }
    return this.#borrowers.use(new BpfMap(libbpf().mapFd(pointer), definition, this.#name, () => {}));
  }

  /** Safe to call twice. */
  [Symbol.dispose](): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#borrowers.dispose();
    this.#untrack();
    libbpf().objectClose(this.#pointer);
  }

  #mustBe(state: 'opened' | 'loaded'): void {
    if (this.#state === 'closed') throw closed('E_BPF_OPEN', `object ${this.#name}`);
    if (this.#state !== state) {
      throw new ShuntError(
        'E_BPF_OPEN',
        `object ${this.#name} is ${this.#state}, expected ${state}: call load() once, first`,
      );
    }
  }

  #collect(): void {
    const lib = libbpf();
    for (let p = lib.nextProgram(this.#pointer, null); p !== null; p = lib.nextProgram(this.#pointer, p)) {
      this.#programs.set(lib.programName(p), p);
    }
    for (let m = lib.nextMap(this.#pointer, null); m !== null; m = lib.nextMap(this.#pointer, m)) {
      // .rodata, .bss and .data are new in each load; sharing them between versions would be wrong.
      if (!lib.mapIsInternal(m)) this.#maps.set(lib.mapName(m), m);
    }
  }

  #skip(skip: (program: string) => boolean): void {
    for (const [name, pointer] of this.#programs) {
      if (!skip(name)) continue;
      check(
        'E_BPF_OPEN',
        `skip program ${name}`,
        'bpf_program__set_autoload',
        libbpf().programSetAutoload(pointer, false),
      );
      this.#skipped.add(name);
    }
  }

  #pinMapsIn(directory: string, isPrivate: (map: string) => boolean): void {
    makePinDir(directory);
    for (const [name, pointer] of this.#maps) {
      if (isPrivate(name)) continue;
      const path = join(directory, name);
      refuseOtherLayout(name, path, pointer);
      const result = libbpf().mapSetPinPath(pointer, path);
      check('E_BPF_PIN', `pin map ${name} to ${path}`, 'bpf_map__set_pin_path', result);
    }
  }
}

/** libbpf would refuse it too, at load, without saying what differs. */
function refuseOtherLayout(name: string, path: string, pointer: MapPointer): void {
  const fd = tryOpenPin(path, 'map');
  if (fd === undefined) return;
  try {
    const lib = libbpf();
    const difference = layoutDifference(mapInfo(fd, `map ${path}`), {
      type: lib.mapType(pointer),
      keySize: lib.mapKeySize(pointer),
      valueSize: lib.mapValueSize(pointer),
      maxEntries: lib.mapMaxEntries(pointer),
      flags: lib.mapFlags(pointer),
    });
    if (difference !== undefined) {
      throw new ShuntError(
        'E_ABI',
        `map ${name}, pinned at ${path}, has another layout: ${difference}; run \`shunt down\` first`,
      );
    }
  } finally {
    libc().close(fd);
  }
}

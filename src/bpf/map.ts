/** Typed maps. An operation costs about 200 ns more than from C: buffers are allocated once and passed in place. */
import { basename } from 'node:path';
import { ShuntError } from '../errors.ts';
import { type Codec, type MapDefinition, opaque } from './codec.ts';
import { check, closed, ENOENT, ENOSPC, failure } from './errors.ts';
import { libbpf, libc } from './ffi.ts';
import { mapInfo } from './info.ts';
import { hasBatch, isKnownType, isPerCpu, MAP_TYPES, mapTypeName } from './map-type.ts';
import { openPin, pinFd } from './pins.ts';
import { track } from './registry.ts';

/** Create or update (0), only create, only update. */
export const UPDATE = { ANY: 0, NO_EXIST: 1, EXIST: 2 } as const;

/** Elements a batch call reads at once; doubled when one hash bucket holds more. */
const BATCH = 1024;

let cpus: number | undefined;
function possibleCpus(): number {
  cpus ??= check('E_BPF_MAP', 'count possible CPUs', 'libbpf_num_possible_cpus', libbpf().possibleCpus());
  return cpus;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * A map of the kernel. From `BpfObject.map` it is valid until the object closes; from `BpfMap.open` until it is disposed.
 * Use after that throws E_BPF_MAP. The layout was compared with the kernel's, so no call reads or writes past a buffer.
 */
export class BpfMap<K, V> implements Disposable {
  readonly definition: MapDefinition<K, V>;
  readonly #what: string;
  readonly #key: Buffer;
  readonly #keyView: DataView;
  readonly #value: Buffer;
  readonly #valueView: DataView;
  /** Bytes of one CPU's value; only for per-CPU maps. */
  readonly #stride: number;
  #fd: number;
  readonly #release: (fd: number) => void;

  /**
   * For src/bpf alone: takes an open descriptor whose layout was not looked at yet.
   * @param release Called once, by the first dispose, with the descriptor.
   */
  constructor(fd: number, definition: MapDefinition<K, V>, where: string, release: (fd: number) => void) {
    this.definition = definition;
    this.#what = `map ${definition.name}`;
    checkLayout(fd, definition, where);
    const { keyCodec, valueCodec } = definition;
    this.#stride = (valueCodec.size + 7) & ~7;
    this.#key = Buffer.alloc(Math.max(keyCodec.size, 1));
    this.#keyView = viewOf(this.#key);
    this.#value = Buffer.alloc(
      Math.max(isPerCpu(definition.type) ? this.#stride * possibleCpus() : valueCodec.size, 1),
    );
    this.#valueView = viewOf(this.#value);
    this.#fd = fd;
    this.#release = release;
  }

  /** Opens a pinned map. @throws E_BPF_PIN when absent, E_ABI when its layout is another. Dispose it. */
  static open<K, V>(path: string, definition: MapDefinition<K, V>): BpfMap<K, V> {
    const fd = openPin(path, 'map');
    const untrack = track(`map ${path}`);
    const release = (): void => {
      untrack();
      libc().close(fd);
    };
    try {
      return new BpfMap(fd, definition, path, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * Opens a pinned map of whatever layout, for what must work on maps of another version: keys and values are bytes.
   * @throws E_BPF_PIN when absent, E_ABI when it is of a type that shunt does not know. Dispose it.
   */
  static openBytes(path: string): BpfMap<Uint8Array, Uint8Array> {
    const fd = openPin(path, 'map');
    let info: ReturnType<typeof mapInfo>;
    try {
      info = mapInfo(fd, `map ${path}`);
    } finally {
      libc().close(fd);
    }
    const type = mapTypeName(info.type);
    if (!isKnownType(type))
      throw new ShuntError('E_ABI', `map ${path} is of ${type}, which this version does not know`);
    const { keySize, valueSize, maxEntries } = info;
    return BpfMap.open(path, {
      name: basename(path),
      type,
      keyCodec: opaque(keySize),
      valueCodec: opaque(valueSize),
      maxEntries,
    });
  }

  /** @throws E_BPF_MAP after close. */
  get fd(): number {
    if (this.#fd < 0) throw closed('E_BPF_MAP', this.#what);
    return this.#fd;
  }

  /** The value, or undefined when the key is absent. Not for per-CPU maps: {@link getPerCpu}. */
  get(key: K): V | undefined {
    this.#refusePerCpu('get', 'getPerCpu');
    return this.#lookup(key) ? this.definition.valueCodec.decode(this.#valueView, 0) : undefined;
  }

  /** One value for each possible CPU; undefined when the key is absent. */
  getPerCpu(key: K): V[] | undefined {
    if (!isPerCpu(this.definition.type)) throw new ShuntError('E_BPF_MAP', `${this.#what} is not per CPU: use get`);
    if (!this.#lookup(key)) return undefined;
    const codec = this.definition.valueCodec;
    return Array.from({ length: possibleCpus() }, (_, cpu) => codec.decode(this.#valueView, cpu * this.#stride));
  }

  /** @param flags One of {@link UPDATE}. @throws E_BPF_MAP: full (E2BIG), exists, absent, or a value that does not fit. */
  set(key: K, value: V, flags: number = UPDATE.ANY): void {
    this.#refusePerCpu('set', 'a BPF program');
    const fd = this.fd;
    this.definition.keyCodec.encode(key, this.#keyView, 0);
    this.definition.valueCodec.encode(value, this.#valueView, 0);
    const result = libbpf().update(fd, this.#key, this.#value, flags);
    if (result < 0) throw failure('E_BPF_MAP', `update ${this.#what}`, 'bpf_map_update_elem', -result);
  }

  /** True when the key was there. An array cannot delete: E_BPF_MAP. */
  delete(key: K): boolean {
    const fd = this.fd;
    this.definition.keyCodec.encode(key, this.#keyView, 0);
    const result = libbpf().remove(fd, this.#key);
    if (result === -ENOENT) return false;
    if (result < 0) throw failure('E_BPF_MAP', `delete from ${this.#what}`, 'bpf_map_delete_elem', -result);
    return true;
  }

  /**
   * All elements, read in batches where the kernel can (5.6; HASH, ARRAY, LRU_HASH), else key by key. Not a snapshot:
   * what changes meanwhile may be seen or not; no element is seen half-written by user space. Other calls on this map
   * may be made between elements.
   */
  entries(): IterableIterator<[K, V]> {
    this.#refusePerCpu('entries', 'keys and getPerCpu');
    return hasBatch(this.definition.type) ? this.#batches() : this.#walk();
  }

  /** All keys, read at once. Bounded by the map's size even while others delete (which restarts the kernel's walk). */
  keys(): K[] {
    const fd = this.fd;
    const codec = this.definition.keyCodec;
    const key = Buffer.alloc(this.#key.length);
    const view = viewOf(key);
    const keys: K[] = [];
    for (let first = true; keys.length <= this.definition.maxEntries; first = false) {
      const result = libbpf().nextKey(fd, first ? null : key, key);
      if (result === -ENOENT) break;
      if (result < 0) throw failure('E_BPF_MAP', `walk ${this.#what}`, 'bpf_map_get_next_key', -result);
      keys.push(codec.decode(view, 0));
    }
    return keys;
  }

  /** Updates many elements in one call (5.6). Not atomic: on error the message says how many were written. */
  setMany(entries: Iterable<readonly [K, V]>): void {
    this.#refusePerCpu('setMany', 'a BPF program');
    const fd = this.fd;
    const all = [...entries];
    if (all.length === 0) return;
    if (!hasBatch(this.definition.type)) {
      for (const [key, value] of all) this.set(key, value);
      return;
    }
    const keys = pack(
      all.map(([key]) => key),
      this.definition.keyCodec,
    );
    const values = pack(
      all.map(([, value]) => value),
      this.definition.valueCodec,
    );
    const count = new Uint32Array([all.length]);
    const result = libbpf().updateBatch(fd, keys, values, count, null);
    if (result < 0) {
      const what = `update ${this.#what} (${count[0]} of ${all.length} written)`;
      throw failure('E_BPF_MAP', what, 'bpf_map_update_batch', -result);
    }
  }

  /** Pins the map; the file keeps it alive. @throws E_BPF_PIN, also when the path exists. */
  pin(path: string): void {
    pinFd(this.fd, path, this.#what);
  }

  /** Safe to call twice. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#release(fd);
  }

  #lookup(key: K): boolean {
    const fd = this.fd;
    this.definition.keyCodec.encode(key, this.#keyView, 0);
    const result = libbpf().lookup(fd, this.#key, this.#value);
    if (result === -ENOENT) return false;
    if (result < 0) throw failure('E_BPF_MAP', `look up in ${this.#what}`, 'bpf_map_lookup_elem', -result);
    return true;
  }

  *#batches(): Generator<[K, V]> {
    const { keyCodec, valueCodec, maxEntries } = this.definition;
    let size = Math.max(1, Math.min(BATCH, maxEntries));
    let keys = Buffer.alloc(size * keyCodec.size);
    let values = Buffer.alloc(size * valueCodec.size);
    // A hash's position is a u32 bucket, an array's its key: 8 bytes hold the one, the key's size the other.
    const at = Buffer.alloc(Math.max(8, keyCodec.size));
    const next = Buffer.alloc(at.length);
    const count = new Uint32Array(1);
    for (let first = true, last = false; !last; ) {
      count[0] = size;
      const result = libbpf().lookupBatch(this.fd, first ? null : at, next, keys, values, count, null);
      if (result === -ENOSPC) {
        size *= 2;
        keys = Buffer.alloc(size * keyCodec.size);
        values = Buffer.alloc(size * valueCodec.size);
        continue;
      }
      if (result < 0 && result !== -ENOENT) {
        throw failure('E_BPF_MAP', `read ${this.#what}`, 'bpf_map_lookup_batch', -result);
      }
      last = result === -ENOENT;
      first = false;
      next.copy(at);
      const keyView = viewOf(keys);
      const valueView = viewOf(values);
      const found = count[0];
      for (let i = 0; i < found; i++) {
        yield [keyCodec.decode(keyView, i * keyCodec.size), valueCodec.decode(valueView, i * valueCodec.size)];
      }
    }
  }

  *#walk(): Generator<[K, V]> {
    for (const key of this.keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  #refusePerCpu(method: string, instead: string): void {
    if (!isPerCpu(this.definition.type)) return;
    throw new ShuntError('E_BPF_MAP', `${this.#what} is per CPU: use ${instead} instead of ${method}`);
  }
}

function pack<T>(elements: readonly T[], codec: Codec<T>): Buffer {
  const bytes = Buffer.alloc(elements.length * codec.size);
  const view = viewOf(bytes);
  for (const [i, element] of elements.entries()) codec.encode(element, view, i * codec.size);
  return bytes;
}

/** @throws E_ABI that names the map and the difference. */
function checkLayout<K, V>(fd: number, definition: MapDefinition<K, V>, where: string): void {
  const found = mapInfo(fd, `map ${where}`);
  const wanted = {
    type: MAP_TYPES[definition.type] as number,
    keySize: definition.keyCodec.size,
    valueSize: definition.valueCodec.size,
    maxEntries: definition.maxEntries,
  };
  const difference = layoutDifference(found, wanted);
  if (difference === undefined) return;
  throw new ShuntError('E_ABI', `map ${definition.name} (${where}) has another layout: ${difference}`);
}

/** What sets two maps apart, in words; undefined when nothing does. Fields that `wanted` lacks are not compared. */
export function layoutDifference(
  found: ReturnType<typeof mapInfo>,
  wanted: Partial<ReturnType<typeof mapInfo>>,
): string | undefined {
  const differences: string[] = [];
  for (const [field, value] of Object.entries(wanted)) {
    const has = found[field as keyof typeof found];
    if (has === value) continue;
    const [is, should] = field === 'type' ? [mapTypeName(has), mapTypeName(value)] : [has, value];
    differences.push(`${field} is ${is}, expected ${should}`);
  }
  return differences.length === 0 ? undefined : differences.join(', ');
}

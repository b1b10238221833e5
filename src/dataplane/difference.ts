/** Desired against actual, for one map. */
import type { Codec, MapDefinition } from '../bpf/codec.ts';
import type { BpfMap } from '../bpf/map.ts';
import type { Entries } from './desired.ts';

export interface Difference<K, V> {
  /** New, or with another value. */
  readonly set: (readonly [K, V])[];
  readonly delete: K[];
}

/** Compares by the bytes that the kernel sees. */
export function difference<K, V>(
  definition: MapDefinition<K, V>,
  actual: Iterable<readonly [K, V]>,
  desired: Entries<K, V>,
): Difference<K, V> {
  const wanted = new Map(desired.map((entry) => [bytesOf(definition.keyCodec, entry[0]), entry] as const));
  const gone: K[] = [];
  for (const [key, value] of actual) {
    const name = bytesOf(definition.keyCodec, key);
    const entry = wanted.get(name);
    if (entry === undefined) gone.push(key);
    else if (bytesOf(definition.valueCodec, entry[1]) === bytesOf(definition.valueCodec, value)) wanted.delete(name);
  }
  return { set: [...wanted.values()], delete: gone };
}

/**
 * Makes a map equal to what is desired and returns how many entries changed. `set-first` where an entry closes
 * something (a destination), `delete-first` where it opens something (a verdict): a failure in between leaves the
 * stricter state. @throws E_BPF_MAP.
 */
export function applyDifference<K, V>(
  map: BpfMap<K, V>,
  desired: Entries<K, V>,
  order: 'set-first' | 'delete-first',
): number {
  const change = difference(map.definition, map.entries(), desired);
  const remove = (): void => {
    for (const key of change.delete) map.delete(key);
  };
  if (order === 'delete-first') remove();
  map.setMany(change.set);
  if (order === 'set-first') remove();
  return change.set.length + change.delete.length;
}

function bytesOf<T>(codec: Codec<T>, value: T): string {
  const bytes = Buffer.alloc(codec.size);
  codec.encode(value, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
  return bytes.toString('latin1');
}

/** Values of `enum bpf_map_type` (include/uapi/linux/bpf.h) that shunt's objects use or may use; they never change. */
export const MAP_TYPES = {
  HASH: 1,
  ARRAY: 2,
  PROG_ARRAY: 3,
  PERCPU_HASH: 5,
  PERCPU_ARRAY: 6,
  LRU_HASH: 9,
  LRU_PERCPU_HASH: 10,
  LPM_TRIE: 11,
  ARRAY_OF_MAPS: 12,
  HASH_OF_MAPS: 13,
  SOCKMAP: 15,
  SOCKHASH: 18,
  SK_STORAGE: 24,
  RINGBUF: 27,
  TASK_STORAGE: 29,
  CGRP_STORAGE: 32,
} as const;

export type MapTypeName = keyof typeof MAP_TYPES;

const NAMES = new Map<number, MapTypeName>(
  Object.entries(MAP_TYPES).map(([name, type]) => [type, name as MapTypeName]),
);

/** `HASH`, or `type 99` for one that shunt does not know. */
export function mapTypeName(type: number): string {
  return NAMES.get(type) ?? `type ${type}`;
}

/** Is what {@link mapTypeName} said one of ours? */
export function isKnownType(name: string): name is MapTypeName {
  return Object.hasOwn(MAP_TYPES, name);
}

/** A lookup answers one value for each possible CPU, each rounded up to 8 bytes. */
export function isPerCpu(type: MapTypeName): boolean {
  return type === 'PERCPU_HASH' || type === 'PERCPU_ARRAY' || type === 'LRU_PERCPU_HASH';
}

/** BPF_MAP_LOOKUP_BATCH and BPF_MAP_UPDATE_BATCH are known to work (Linux 5.6). */
export function hasBatch(type: MapTypeName): boolean {
  return type === 'HASH' || type === 'ARRAY' || type === 'LRU_HASH';
}

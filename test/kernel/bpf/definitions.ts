import { type MapDefinition, nothing, u32, u64 } from '../../../src/bpf/codec.ts';

/** The maps of basic.bpf.c. */
const numbers: MapDefinition<number, bigint> = {
  name: 'numbers',
  type: 'HASH',
  keyCodec: u32,
  valueCodec: u64,
  maxEntries: 20000,
};
const state: MapDefinition<number, bigint> = { ...numbers, name: 'state', type: 'ARRAY', maxEntries: 4 };
const hits: MapDefinition<number, number> = {
  ...state,
  name: 'hits',
  type: 'PERCPU_ARRAY',
  valueCodec: u32,
  maxEntries: 2,
};
const sockets: MapDefinition<number, bigint> = { ...numbers, name: 'sockets', type: 'SOCKHASH', maxEntries: 4 };
const ring: MapDefinition<undefined, undefined> = {
  name: 'ring',
  type: 'RINGBUF',
  keyCodec: nothing,
  valueCodec: nothing,
  maxEntries: 4096,
};
export const definitions = { numbers, state, hits, sockets, ring };

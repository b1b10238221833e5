/** What the closed connections of one pair of members sent, one direction, as the map `pairs` tells it. */
import type { Pair, PairKey } from '../generated/abi.ts';

export interface PairRecord {
  readonly cgroupId: bigint;
  /** undefined: the other end was never known. */
  readonly peerCgroupId: bigint | undefined;
  /** By `enum shunt_outcome`; exact up to 2^53. */
  readonly messages: readonly number[];
  readonly bytes: readonly number[];
}

export function pairRecord(key: PairKey, pair: Pair): PairRecord {
  return {
    cgroupId: key.cgroupId,
    peerCgroupId: key.peerCgroupId === 0n ? undefined : key.peerCgroupId,
    messages: pair.messages.map(Number),
    bytes: pair.bytes.map(Number),
  };
}

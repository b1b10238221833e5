/** One direction of a promoted connection, as the sending socket's entry in the map `flows` tells it. */
import type { Flow } from '../generated/abi.ts';
import { socketText } from './address.ts';

export interface FlowRecord {
  /** Cookie of the sending socket; unique until the next boot. */
  readonly cookie: bigint;
  /** `address:port`, IPv6 in brackets. */
  readonly local: string;
  readonly remote: string;
  readonly cgroupId: bigint;
  /** undefined until it is known; known before `peer` when the peer is refused. */
  readonly peerCgroupId: bigint | undefined;
  /** undefined until the peer is promoted too. */
  readonly peer: { readonly cookie: bigint; readonly cgroupId: bigint } | undefined;
  /** CLOCK_MONOTONIC. */
  readonly promotedNs: bigint;
  /** The most that waited in the peer's queue; or more, where the kernel does not count a queue's bytes (before 6.12). */
  readonly queuedPeakBytes: number;
  /** By `enum shunt_outcome`; exact up to 2^53. */
  readonly messages: readonly number[];
  readonly bytes: readonly number[];
}

export function flowRecord(cookie: bigint, flow: Flow): FlowRecord {
  const { key } = flow;
  return {
    cookie,
    local: socketText(key.localIpBe, key.localPort),
    remote: socketText(key.remoteIpBe, key.remotePort),
    cgroupId: flow.cgroupId,
    peerCgroupId: flow.peerCgroupId === 0n ? undefined : flow.peerCgroupId,
    peer: flow.peerCookie === 0n ? undefined : { cookie: flow.peerCookie, cgroupId: flow.peerCgroupId },
    promotedNs: flow.promotedNs,
    queuedPeakBytes: flow.queuedPeakBytes,
    messages: flow.messages.map(Number),
    bytes: flow.bytes.map(Number),
  };
}

/** Records of the ring buffer `events`, typed. */
import { Event, EventKind } from '../generated/abi.ts';
import { ipFromBe, swapPort } from './address.ts';

export type DataplaneEvent = ConnectDenied | GuardDropped | BecameBlocking;

/** L4 policy refused a connect(2) with EPERM. */
export interface ConnectDenied {
  readonly kind: 'connect-denied';
  /** CLOCK_MONOTONIC. */
  readonly timeNs: bigint;
  /** The workload's cgroup. */
  readonly cgroupId: bigint;
  readonly pid: number;
  readonly command: string;
  readonly destination: string;
}

/** A connection attempt that did not come through the proxy; one event a SYN. */
export interface GuardDropped {
  readonly kind: 'guard-dropped';
  /** CLOCK_MONOTONIC. */
  readonly timeNs: bigint;
  readonly sourceIp: string;
  readonly destination: string;
}

/** A promoted socket whose O_NONBLOCK was cleared: nothing is redirected to it, and its recv(2) may answer EAGAIN. */
export interface BecameBlocking {
  readonly kind: 'became-blocking';
  /** CLOCK_MONOTONIC. */
  readonly timeNs: bigint;
  /** The reader's member. */
  readonly cgroupId: bigint;
  /** The reader's own end; of IPv6 the last four bytes of the address. */
  readonly local: string;
}

/** undefined for a kind that this version does not know. */
export function decodeEvent(view: DataView, offset: number): DataplaneEvent | undefined {
  const event = Event.decode(view, offset);
  const destination = `${ipFromBe(event.destinationIpBe)}:${swapPort(event.destinationPortBe)}`;
  switch (event.kind) {
    case EventKind.CONNECT_DENIED: {
      const { timeNs, cgroupId, pid, comm: command } = event;
      return { kind: 'connect-denied', timeNs, cgroupId, pid, command, destination };
    }
    case EventKind.GUARD_DROPPED:
      return { kind: 'guard-dropped', timeNs: event.timeNs, sourceIp: ipFromBe(event.sourceIpBe), destination };
    case EventKind.BECAME_BLOCKING:
      return { kind: 'became-blocking', timeNs: event.timeNs, cgroupId: event.cgroupId, local: destination };
    default:
      return undefined;
  }
}

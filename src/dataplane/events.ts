/** Records of the ring buffer `events`, typed. */
import { Event, EventKind } from '../generated/abi.ts';
import { ipFromBe, swapPort } from './address.ts';

export type DataplaneEvent = ConnectDenied | GuardDropped;

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
    default:
      return undefined;
  }
}

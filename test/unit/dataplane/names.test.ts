import { describe, expect, it } from 'vitest';
import { swapPort } from '../../../src/dataplane/address.ts';
import { COUNTER_NAMES } from '../../../src/dataplane/counters.ts';
import { decodeEvent } from '../../../src/dataplane/events.ts';
import { flowRecord } from '../../../src/dataplane/flows.ts';
import { LINK_HOOKS, PROMOTION_PROGRAMS, type Promotion, tcHooks } from '../../../src/dataplane/hooks.ts';
import { Counter, Event, EventKind, Outcome } from '../../../src/generated/abi.ts';

describe('counters', () => {
  it('have each a name of their own, and an index that the map holds', () => {
    expect(new Set(COUNTER_NAMES.values()).size).toBe(COUNTER_NAMES.size);
    for (const index of COUNTER_NAMES.keys()) expect(index).toBeLessThan(Counter.COUNT);
    expect(COUNTER_NAMES.get(Counter.MESSAGES + Outcome.REDIRECTED)).toBe('messages-redirected');
    expect(COUNTER_NAMES.get(Counter.BYTES + Outcome.READER_EDGE)).toBe('bytes-reader-edge');
    expect(COUNTER_NAMES.get(Counter.CONNECT_NO_PROXY)).toBe('connect-no-proxy');
  });
});

describe('hooks', () => {
  it('have each a pin of their own', () => {
    expect(new Set(LINK_HOOKS.map(({ program }) => program)).size).toBe(LINK_HOOKS.length);
  });

  it.each(Object.keys(PROMOTION_PROGRAMS) as Promotion[])('run the guard before the fast path (by %s)', (promotion) => {
    const priority = (program: string): number[] =>
      tcHooks(promotion)
        .filter((hook) => hook.program === program && hook.device === 'eth0')
        .map((hook) => hook.priority);
    expect(Math.max(...priority('guard'))).toBeLessThan(Math.min(...priority(PROMOTION_PROGRAMS[promotion][0])));
  });
});

describe('events', () => {
  const encoded = (kind: number): DataView => {
    const view = new DataView(new ArrayBuffer(8 + Event.size));
    const portBe = swapPort(5432);
    const address = { sourceIpBe: 0x0100000a, destinationIpBe: 0x0200000a, destinationPortBe: portBe };
    Event.encode({ timeNs: 5n, cgroupId: 7n, kind, pid: 9, comm: 'psql', ...address }, view, 8);
    return view;
  };

  it('tell who was refused', () => {
    expect(decodeEvent(encoded(EventKind.CONNECT_DENIED), 8)).toEqual({
      kind: 'connect-denied',
      timeNs: 5n,
      cgroupId: 7n,
      pid: 9,
      command: 'psql',
      destination: '10.0.0.2:5432',
    });
  });

  it('tell where a dropped packet came from', () => {
    expect(decodeEvent(encoded(EventKind.GUARD_DROPPED), 8)).toEqual({
      kind: 'guard-dropped',
      timeNs: 5n,
      sourceIp: '10.0.0.1',
      destination: '10.0.0.2:5432',
    });
  });

  it('are skipped when this version does not know them', () => {
    expect(decodeEvent(encoded(99), 8)).toBeUndefined();
  });
});

describe('flows', () => {
  it('have no peer until they are linked', () => {
    const ip = [0, 0, 0xffff0000, 0x0100007f];
    const key = { scope: 1n, localIpBe: ip, remoteIpBe: ip, localPort: 80, remotePort: 40000 };
    const numbers = Array.from({ length: Outcome.COUNT }, (_, outcome) => BigInt(outcome));
    const flow = {
      key,
      cgroupId: 2n,
      peerCookie: 0n,
      peerCgroupId: 0n,
      promotedNs: 3n,
      lastOutcome: 0,
      nextSeq: 0,
      queuedPeakBytes: 7,
      messages: numbers,
      bytes: numbers,
      endedMessages: 0n,
      endedBytes: 0n,
    };
    const record = flowRecord(4n, flow);
    expect(record).toMatchObject({ cookie: 4n, local: '127.0.0.1:80', remote: '127.0.0.1:40000', peer: undefined });
    expect(record.bytes[Outcome.FAILED]).toBe(Outcome.FAILED);
    expect(flowRecord(4n, { ...flow, peerCookie: 5n, peerCgroupId: 6n }).peer).toEqual({ cookie: 5n, cgroupId: 6n });
  });
});

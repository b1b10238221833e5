import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as codec from '../../../src/bpf/codec.ts';
import { DestinationKey, Event, Flow, FlowKey, Outcome, Settings, VerdictKey } from '../../../src/generated/abi.ts';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const array = <T>(of: fc.Arbitrary<T>, length: number) => fc.array(of, { minLength: length, maxLength: length });
const flowKey = fc.record({
  scope: u64,
  localIpBe: array(u32, 4),
  remoteIpBe: array(u32, 4),
  localPort: u32,
  remotePort: u32,
});
/** What a char[16] can hold: 15 bytes of UTF-8 without NUL. */
const comm = fc.string({ unit: 'binary' }).filter((text) => Buffer.byteLength(text) < 16 && !text.includes('\0'));

/** Encodes into a buffer of 0xee with a margin, so that bytes that are forgotten or written outside are seen. */
function encode<T>(of: codec.Codec<T>, value: T): DataView {
  const bytes = new Uint8Array(of.size + 16).fill(0xee);
  of.encode(value, new DataView(bytes.buffer), 8);
  expect([...bytes.subarray(0, 8), ...bytes.subarray(8 + of.size)]).toEqual(new Array(16).fill(0xee));
  return new DataView(bytes.buffer);
}

describe('structs', () => {
  const cases: [string, codec.StructCodec<unknown>, fc.Arbitrary<unknown>][] = [
    [
      'numbers',
      Settings,
      fc.record({
        paused: u32,
        promoteAfterSegments: u32,
        maxQueuedBytes: u32,
        outboundPort: u32,
        workloadCgroupLevel: u32,
        epoch: u32,
        refreshJiffies: u32,
      }),
    ],
    [
      'a struct in a struct',
      VerdictKey,
      fc.record({
        cgroupId: u64,
        destination: fc.record({ ipBe: u32, portBe: u16 }),
      }),
    ],
    ['arrays', FlowKey, flowKey],
    [
      'arrays of u64',
      Flow,
      fc.record({
        key: flowKey,
        cgroupId: u64,
        peerCookie: u64,
        peerCgroupId: u64,
        promotedNs: u64,
        lastOutcome: u32,
        nextSeq: u32,
        queuedPeakBytes: u32,
        messages: array(u64, Outcome.COUNT),
        bytes: array(u64, Outcome.COUNT),
        endedMessages: u64,
        endedBytes: u64,
      }),
    ],
    [
      'text',
      Event,
      fc.record({
        timeNs: u64,
        cgroupId: u64,
        kind: u32,
        pid: u32,
        sourceIpBe: u32,
        destinationIpBe: u32,
        destinationPortBe: u16,
        comm,
      }),
    ],
  ];
  test.each(cases)('%s come back as they were', (_, of, values) => {
    fc.assert(
      fc.property(values, (value) => {
        expect(of.decode(encode(of, value), 8)).toEqual(value);
      }),
    );
  });

  test('are little-endian at the offsets that `off` says', () => {
    const view = encode(VerdictKey, { cgroupId: 1n, destination: { ipBe: 0x04030201, portBe: 0x0605 } });
    expect(Buffer.from(view.buffer, 8, 16).toString('hex')).toBe('01000000000000000102030405060000');
    expect(VerdictKey.off).toEqual({ cgroupId: 0, destination: 8 });
  });

  test('write padding as zero, whatever was in the buffer', () => {
    const view = encode(DestinationKey, { ipBe: 1, portBe: 1 });
    expect(view.getUint16(8 + 6, true)).toBe(0);
  });

  test('refuse a missing field, and name it', () => {
    const missing = { cgroupId: 1n, destination: { ipBe: 1 } } as unknown as VerdictKey;
    expect(() => encode(VerdictKey, missing)).toThrow(/^DestinationKey.portBe: undefined does not fit/);
  });

  test('refuse an array of another length', () => {
    const short = { scope: 0n, localIpBe: [1, 2, 3], remoteIpBe: [0, 0, 0, 0], localPort: 0, remotePort: 0 };
    expect(() => encode(FlowKey, short)).toThrow('FlowKey.localIpBe: 1,2,3 does not fit, expected an array of 4');
  });
});

describe('scalars', () => {
  const numbers: [string, codec.Codec<number>, number, number][] = [
    ['u8', codec.u8, 0, 0xff],
    ['u16', codec.u16, 0, 0xffff],
    ['u32', codec.u32, 0, 0xffffffff],
    ['i32', codec.i32, -(2 ** 31), 2 ** 31 - 1],
  ];
  test.each(numbers)('%s keeps every value in its range', (_, of, min, max) => {
    const property = fc.property(fc.integer({ min, max }), (value) => of.decode(encode(of, value), 8) === value);
    fc.assert(property, { examples: [[min], [max]] });
  });
  test.each(numbers)('%s refuses what is outside, with its range', (_, of, min, max) => {
    const outside = fc.oneof(
      fc.integer({ max: min - 1, min: Number.MIN_SAFE_INTEGER }),
      fc.integer({ min: max + 1, max: Number.MAX_SAFE_INTEGER }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5, undefined, null, '1', 1n, true),
    );
    fc.assert(
      fc.property(outside, (value) => {
        expect(() => encode(of, value as number)).toThrow(`an integer from ${min} to ${max}`);
      }),
      { examples: [[min - 1], [max + 1]] },
    );
  });

  const bigs: [string, codec.Codec<bigint>, bigint, bigint][] = [
    ['u64', codec.u64, 0n, 2n ** 64n - 1n],
    ['i64', codec.i64, -(2n ** 63n), 2n ** 63n - 1n],
  ];
  test.each(bigs)('%s keeps every value in its range and refuses others', (name, of, min, max) => {
    const inside = fc.property(fc.bigInt({ min, max }), (value) => of.decode(encode(of, value), 8) === value);
    fc.assert(inside, { examples: [[min], [max]] });
    for (const value of [min - 1n, max + 1n, 1, undefined]) {
      expect(() => encode(of, value as bigint)).toThrow(`a bigint that fits ${name}`);
    }
  });
});

describe('text', () => {
  const view = () => new DataView(new Uint8Array(4).fill(0x41).buffer);

  test.each([['abcd'], ['aé€'], ['a\0b'], ['\ud800'], [undefined]])('of four bytes refuses %j', (text) => {
    expect(() => codec.setString(view(), 0, text as string, 4, 'comm')).toThrow(
      'expected text of at most 3 bytes without NUL',
    );
  });
  test('is zero-padded', () => {
    const bytes = view();
    codec.setString(bytes, 0, 'a', 4, 'comm');
    expect([...new Uint8Array(bytes.buffer)]).toEqual([0x61, 0, 0, 0]);
  });
  test('without a NUL ends with its field', () => {
    expect(codec.getString(view(), 0, 4)).toBe('AAAA');
  });
  test('that is no UTF-8 is read with replacement characters, up to the NUL', () => {
    expect(codec.getString(new DataView(new Uint8Array([0x61, 0xff, 0, 0x62]).buffer), 0, 4)).toBe('a\ufffd');
  });
});

test('an opaque layout takes exactly its bytes and returns a copy', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const view = encode(codec.opaque(3), bytes);
  const copy = codec.opaque(3).decode(view, 8);
  view.setUint8(8, 9);
  expect(copy).toEqual(bytes);
  expect(() => encode(codec.opaque(3), Uint8Array.of(1, 2))).toThrow('expected 3 bytes');
});

import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { BpfObject } from '../../../src/bpf/object.ts';
import { openDescriptors } from '../../../src/bpf/registry.ts';
import { type OnRecord, RingReader } from '../../../src/bpf/ring.ts';
import { definitions } from './definitions.ts';
import { compile, connectFrom, makeCgroup } from './fixture.ts';

const RING_BYTES = definitions.ring.maxEntries;
/** One connect writes records of 1, 2, 5 and 12 words, each with a header of a word. */
const CONNECT_BYTES = (2 + 3 + 6 + 13) * 8;
const WORDS = [1, 2, 5, 12];

const object = BpfObject.open(compile('basic')).load();
afterAll(() => object[Symbol.dispose]());
const cgroup = makeCgroup('ring');
afterAll(() => cgroup[Symbol.dispose]());
const link = object.program('allow').attachCgroup(cgroup.path);
afterAll(() => link[Symbol.dispose]());
const ring = object.map(definitions.ring);
const state = object.map(definitions.state);
afterEach(() => {
  using rest = new RingReader(ring, RING_BYTES, () => {});
  rest.drain();
});

const sequence = (): number => Number(state.get(0));
/** What the programs submitted from `first` up to now: all but the multiples of seven. */
function expected(first: number): number[] {
  return Array.from({ length: sequence() - first }, (_, i) => first + i).filter((n) => n % 7 !== 0);
}

/** Checks length and every word of each record, collects their numbers. */
function collect(into: number[]): OnRecord {
  return (view, offset, length) => {
    const number = Number(view.getBigUint64(offset, true));
    expect(length).toBe(WORDS[number % 4]! * 8);
    for (let at = offset; at < offset + length; at += 8) expect(Number(view.getBigUint64(at, true))).toBe(number);
    into.push(number);
  };
}

describe('a ring reader', () => {
  test('delivers each record once, in order and whole, over many turns of the ring', () => {
    const first = sequence();
    const got: number[] = [];
    using reader = new RingReader(ring, RING_BYTES, collect(got));
    const connects = 15;
    const rounds = 20;
    expect(connects * CONNECT_BYTES).toBeLessThan(RING_BYTES);
    expect(rounds * connects * CONNECT_BYTES).toBeGreaterThan(10 * RING_BYTES);
    for (let i = 0; i < rounds; i++) {
      expect(connectFrom(cgroup.path, connects)).toBe(true);
      reader.drain();
    }
    expect(sequence() - first).toBe(rounds * connects * WORDS.length);
    expect(got).toEqual(expected(first));
    expect(state.get(1)).toBe(0n);
    expect(reader.drain()).toBe(0);
  });

  test('is woken by the kernel, again and again', async () => {
    const first = sequence();
    const got: number[] = [];
    using reader = new RingReader(ring, RING_BYTES, collect(got)).unref();
    for (let i = 0; i < 5; i++) {
      await vi.waitFor(() => expect(reader.state).toBe('waiting'), { timeout: 5000, interval: 2 });
      connectFrom(cgroup.path, 3);
      await vi.waitFor(() => expect(got).toEqual(expected(first)), { timeout: 5000, interval: 2 });
    }
  });

  test('leaves what was not read to the next reader', () => {
    const first = sequence();
    connectFrom(cgroup.path, 2);
    const got: number[] = [];
    new RingReader(ring, RING_BYTES, collect(got))[Symbol.dispose]();
    expect(got).toEqual([]);
    using next = new RingReader(ring, RING_BYTES, collect(got));
    next.drain();
    expect(got).toEqual(expected(first));
  });

  test('loses new records, not old ones, when nobody reads, and works on afterwards', () => {
    const first = sequence();
    connectFrom(cgroup.path, 40);
    expect(Number(state.get(1))).toBeGreaterThan(0);
    const got: number[] = [];
    using reader = new RingReader(ring, RING_BYTES, collect(got));
    reader.drain();
    expect(got.length).toBeGreaterThan(50);
    expect(got).toEqual(expected(first).slice(0, 50).concat(got.slice(50)));
    const second = sequence();
    got.length = 0;
    connectFrom(cgroup.path, 2);
    reader.drain();
    expect(got).toEqual(expected(second));
    state.set(1, 0n);
  });

  test('goes on after a record whose handler throws, and does not hide the error', async () => {
    const uncaught = vi.fn();
    const before = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', uncaught);
    try {
      let records = 0;
      using reader = new RingReader(ring, RING_BYTES, () => {
        records++;
        if (records === 1) throw new Error('from the handler');
      });
      const first = sequence();
      connectFrom(cgroup.path, 1);
      reader.drain();
      expect(records).toBe(expected(first).length);
      await vi.waitFor(() => expect(uncaught).toHaveBeenCalledTimes(1));
      expect(uncaught.mock.calls[0]?.[0]).toMatchObject({ message: 'from the handler' });
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of before) process.on('uncaughtException', listener);
    }
  });

  test('can be disposed by its handler, twice, and gives its memory and descriptor back', () => {
    connectFrom(cgroup.path, 2);
    const before = readdirSync('/proc/self/fd').length;
    let records = 0;
    const reader: RingReader = new RingReader(ring, RING_BYTES, () => {
      records++;
      reader[Symbol.dispose]();
      reader[Symbol.dispose]();
    });
    reader.drain();
    expect(records).toBe(1);
    expect(() => reader.drain()).toThrow('ring buffer was used after it was closed');
    expect(reader.state).toBe('closed');
    expect(openDescriptors().filter((line) => line.startsWith('ring'))).toEqual([]);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain('bpf-map');
  });

  test('makes a view that somebody kept throw after dispose instead of crashing', () => {
    connectFrom(cgroup.path, 1);
    let kept: DataView | undefined;
    const reader = new RingReader(ring, RING_BYTES, (view) => {
      kept = view;
    });
    reader.drain();
    reader[Symbol.dispose]();
    expect(() => kept?.getUint8(0)).toThrow(TypeError);
  });

  test('refuses a map that is no ring buffer, and a wrong size', () => {
    expect(() => new RingReader(state as never, RING_BYTES, () => {})).toThrow('map state: not a ring buffer');
    expect(() => new RingReader(ring, 2 * RING_BYTES, () => {})).toThrow('map ring: not a ring buffer of 8192 bytes');
  });
});

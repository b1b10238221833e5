import { execFileSync } from 'node:child_process';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { UPDATE } from '../../../src/bpf/map.ts';
import { BpfObject } from '../../../src/bpf/object.ts';
import { definitions } from './definitions.ts';
import { compile, makePinPath } from './fixture.ts';

const object = BpfObject.open(compile('basic')).load();
afterAll(() => object[Symbol.dispose]());
const numbers = object.map(definitions.numbers);

beforeEach(() => {
  for (const key of numbers.keys()) numbers.delete(key);
});

describe('a hash', () => {
  test('sets, gets, deletes; an absent key is undefined or false', () => {
    expect(numbers.get(1)).toBeUndefined();
    numbers.set(1, 2n ** 64n - 1n);
    expect(numbers.get(1)).toBe(2n ** 64n - 1n);
    expect(numbers.delete(1)).toBe(true);
    expect(numbers.delete(1)).toBe(false);
  });
  test('keeps what it had when an update is refused', () => {
    numbers.set(1, 1n);
    expect(() => numbers.set(1, 2n, UPDATE.NO_EXIST)).toThrow(/^update map numbers: file already exists \(EEXIST\)/);
    expect(() => numbers.set(2, 2n, UPDATE.EXIST)).toThrow('ENOENT');
    expect(() => numbers.set(2 ** 32, 2n)).toThrow('does not fit');
    expect([...numbers.entries()]).toEqual([[1, 1n]]);
  });
  test('writes and reads many in batches, each once', () => {
    const all = Array.from({ length: 12_345 }, (_, i): [number, bigint] => [i * 3, BigInt(i)]);
    numbers.setMany(all);
    const read = new Map(numbers.entries());
    expect(read.size).toBe(all.length);
    expect(all.every(([key, value]) => read.get(key) === value)).toBe(true);
    expect([...numbers.entries()].length).toBe(all.length);
  });
  test('can be changed while it is read', () => {
    numbers.setMany(Array.from({ length: 3000 }, (_, i): [number, bigint] => [i, 1n]));
    for (const [key] of numbers.entries()) numbers.delete(key);
    expect([...numbers.entries()]).toEqual([]);
  });
  test('that is too full says how many of a batch were written', () => {
    const tooMany = Array.from({ length: 20_001 }, (_, i): [number, bigint] => [i, 1n]);
    expect(() => numbers.setMany(tooMany)).toThrow(/^update map numbers \(20000 of 20001 written\): .*\(E2BIG\)/);
  });
  test('does nothing for an empty batch', () => {
    numbers.setMany([]);
    expect(numbers.keys()).toEqual([]);
  });
});

describe('an array', () => {
  const state = object.map(definitions.state);
  test('has all its elements from the start, and cannot lose one', () => {
    state.set(3, 9n);
    expect([...state.entries()]).toEqual([
      [0, 0n],
      [1, 0n],
      [2, 0n],
      [3, 9n],
    ]);
    expect(() => state.delete(3)).toThrow(/^delete from map state: .*\(EINVAL\)/);
    expect(state.get(4)).toBeUndefined();
    expect(() => state.set(4, 1n)).toThrow('E2BIG');
  });
});

describe('a per-CPU array', () => {
  const hits = object.map(definitions.hits);
  test('has one value a CPU, whose size is no multiple of eight', () => {
    using pins = makePinPath('percpu');
    hits.pin(`${pins.path}/hits`);
    // Puts the value on every CPU.
    execFileSync('bpftool', `map update pinned ${pins.path}/hits key 0 0 0 0 value 4 3 2 1`.split(' '));
    const values = hits.getPerCpu(0);
    expect(values?.length).toBeGreaterThan(0);
    expect(new Set(values)).toEqual(new Set([0x01020304]));
    expect(hits.getPerCpu(2)).toBeUndefined();
  });
  test('refuses calls whose buffer would be too small', () => {
    expect(() => hits.get(0)).toThrow('use getPerCpu instead of get');
    expect(() => hits.set(0, 1)).toThrow('per CPU');
    expect(() => hits.entries()).toThrow('per CPU');
    expect(() => numbers.getPerCpu(0)).toThrow('map numbers is not per CPU');
  });
});

test('a map without batch calls is walked key by key', () => {
  expect([...object.map(definitions.sockets).entries()]).toEqual([]);
});

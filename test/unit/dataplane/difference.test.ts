import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BpfMap } from '../../../src/bpf/map.ts';
import { applyDifference, difference } from '../../../src/dataplane/difference.ts';
import { type Destination, type DestinationKey, maps } from '../../../src/generated/abi.ts';

const key = (ipBe: number): DestinationKey => ({ ipBe, portBe: 1 });
const value = (flags: number): Destination => ({ kind: 1, flags });

/** A map of destinations in memory that notes each change; `refuse` fails at that many. */
function memoryMap(content: [DestinationKey, Destination][], refuse = Number.POSITIVE_INFINITY) {
  const held = new Map(content.map(([k, v]) => [k.ipBe, v]));
  const log: string[] = [];
  const note = (line: string): void => {
    if (log.length === refuse) throw new Error('refused');
    log.push(line);
  };
  const map = {
    definition: maps.destinations,
    entries: () => [...held].map(([ipBe, v]) => [key(ipBe), v] as const),
    delete(k: DestinationKey) {
      note(`delete ${k.ipBe}`);
      return held.delete(k.ipBe);
    },
    setMany(entries: Iterable<readonly [DestinationKey, Destination]>) {
      for (const [k, v] of entries) {
        note(`set ${k.ipBe}`);
        held.set(k.ipBe, v);
      }
    },
  };
  return { map: map as unknown as BpfMap<DestinationKey, Destination>, held, log };
}

describe('the difference of a map', () => {
  it('is what is new, what changed and what is gone', () => {
    const actual = [
      [key(1), value(0)],
      [key(2), value(0)],
      [key(3), value(0)],
    ] as const;
    const desired = [
      [key(2), value(0)],
      [key(3), value(1)],
      [key(4), value(0)],
    ] as const;
    expect(difference(maps.destinations, actual, desired)).toEqual({
      set: [
        [key(3), value(1)],
        [key(4), value(0)],
      ],
      delete: [key(1)],
    });
  });

  it('makes any map equal to any other, and is empty afterwards', () => {
    const content = fc.uniqueArray(fc.tuple(fc.nat(8), fc.nat(1)), { selector: ([ip]) => ip });
    const order = fc.constantFrom('set-first' as const, 'delete-first' as const);
    fc.assert(
      fc.property(content, content, order, (before, after, first) => {
        const desired = after.map(([ip, flags]) => [key(ip), value(flags)] as const);
        const { map, held } = memoryMap(before.map(([ip, flags]) => [key(ip), value(flags)]));
        applyDifference(map, desired, first);
        expect(held).toEqual(new Map(desired.map(([k, v]) => [k.ipBe, v])));
        expect(applyDifference(map, desired, first)).toBe(0);
      }),
    );
  });

  it.each([
    ['set-first', ['set 2', 'delete 1']],
    ['delete-first', ['delete 1', 'set 2']],
  ] as const)('is applied %s', (order, expected) => {
    const { map, log } = memoryMap([[key(1), value(0)]]);
    expect(applyDifference(map, [[key(2), value(0)]], order)).toBe(2);
    expect(log).toEqual(expected);
  });

  it.each([
    ['set-first', [1, 2]],
    ['delete-first', []],
  ] as const)('leaves the stricter state when %s fails in between', (order, left) => {
    const { map, held } = memoryMap([[key(1), value(0)]], 1);
    expect(() => applyDifference(map, [[key(2), value(0)]], order)).toThrow('refused');
    expect([...held.keys()]).toEqual(left);
  });
});

import { describe, expect, it } from 'vitest';
import { PairTotals } from '../../../src/telemetry/pairs.ts';
import { counts, flow, pair } from './records.ts';

const NAMES = new Map([
  [1n, 'default/a'],
  [2n, 'default/b'],
]);

describe('sums of pairs', () => {
  it('add closed and open connections of one direction, and keep directions apart', () => {
    const totals = new PairTotals().update(
      [pair(1n, 2n, { REDIRECTED: 100 })],
      [flow(1n, 2n, { REDIRECTED: 10, CREDIT: 5 }), flow(1n, 2n, {}), flow(2n, 1n, { HANDOVER: 7 })],
      NAMES,
    );
    expect(totals).toEqual([
      expect.objectContaining({
        from: 'default/a',
        to: 'default/b',
        open: 2,
        bytes: counts({ REDIRECTED: 110, CREDIT: 5 }),
      }),
      expect.objectContaining({ from: 'default/b', to: 'default/a', open: 1, bytes: counts({ HANDOVER: 7 }) }),
    ]);
  });

  it('do not go back when a connection closes between the two reads, and are exact in the next reading', () => {
    const totals = new PairTotals();
    totals.update([], [flow(1n, 2n, { REDIRECTED: 100 })], NAMES);
    const missed = totals.update([], [], NAMES);
    expect(missed).toMatchObject([{ open: 0, bytes: counts({ REDIRECTED: 100 }) }]);
    const next = totals.update([pair(1n, 2n, { REDIRECTED: 130 })], [], NAMES);
    expect(next).toMatchObject([{ bytes: counts({ REDIRECTED: 130 }) }]);
  });

  it('do not go back either when other connections of the pair had closed before', () => {
    const totals = new PairTotals();
    totals.update([pair(1n, 2n, { REDIRECTED: 50 })], [flow(1n, 2n, { REDIRECTED: 100 })], NAMES);
    const missed = totals.update([pair(1n, 2n, { REDIRECTED: 50 })], [], NAMES);
    expect(missed).toMatchObject([
      { open: 0, messages: counts({ REDIRECTED: 15 }), bytes: counts({ REDIRECTED: 150 }) },
    ]);
  });

  it('leave out senders that are gone and name no peer that is none', () => {
    const totals = new PairTotals().update(
      [pair(9n, 2n, { REDIRECTED: 1 })],
      [flow(1n, undefined, {}), flow(1n, 9n, {})],
      NAMES,
    );
    expect(totals.map(({ from, to }) => [from, to])).toEqual([
      ['default/a', undefined],
      ['default/a', undefined],
    ]);
  });
});

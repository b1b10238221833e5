import { describe, expect, it } from 'vitest';
import type { PairsAnswer } from '../../../src/api/types.ts';
import { ratesBetween } from '../../../src/cli/rates.ts';

type Counts = Record<string, number>;

const answer = (
  takenMs: number,
  pairs: [string, string | undefined, number, Counts][],
  programs: PairsAnswer['programs'] = [],
) => ({
  takenMs,
  pairs: pairs.map(([from, to, open, bytes]) => ({
    from,
    ...(to === undefined ? {} : { to }),
    open,
    bytes,
    messages: Object.fromEntries(Object.entries(bytes).map(([name, count]) => [name, count / 10])),
  })),
  programs,
});

describe('rates', () => {
  it('are what was sent in between, by second', () => {
    const rates = ratesBetween(
      answer(1000, [['a', 'b', 2, { redirected: 1000, credit: 500, paused: 70 }]]),
      answer(3000, [['a', 'b', 1, { redirected: 1900, credit: 590, paused: 80 }]]),
    );
    expect(rates).toEqual({
      intervalMs: 2000,
      pairs: [
        {
          from: 'a',
          to: 'b',
          open: 1,
          messagesPerSecond: 50,
          bytesPerSecond: 500,
          share: 0.9,
          mostlyBecause: 'credit',
        },
      ],
      programs: [],
    });
  });

  it('put the busiest pair first and leave out pairs that are idle and closed', () => {
    const rates = ratesBetween(
      answer(0, [['idle', 'b', 0, { redirected: 5 }]]),
      answer(1000, [
        ['idle', 'b', 0, { redirected: 5 }],
        ['open', 'b', 1, { redirected: 0 }],
        ['slow', undefined, 1, { unlinked: 10 }],
        ['fast', 'b', 1, { redirected: 900 }],
      ]),
    );
    expect(rates.pairs.map(({ from, to, share, mostlyBecause }) => [from, to, share, mostlyBecause])).toEqual([
      ['fast', 'b', 1, undefined],
      ['slow', '?', 0, 'unlinked'],
      ['open', 'b', null, undefined],
    ]);
  });

  it('are never negative when the sums began anew', () => {
    const rates = ratesBetween(
      answer(0, [['a', 'b', 1, { redirected: 1_000_000 }]], [{ name: 'redirect', runs: 100, runTimeNs: 1e6 }]),
      answer(1000, [['a', 'b', 1, { redirected: 30 }]], [{ name: 'redirect', runs: 2, runTimeNs: 1000 }]),
    );
    expect(rates.pairs).toMatchObject([{ bytesPerSecond: 30 }]);
    expect(rates.programs).toEqual([{ name: 'redirect', runsPerSecond: 2, nsPerRun: 500, cpuShare: 1e-6 }]);
  });

  it('leave out programs that did not run, and put the most expensive first', () => {
    const program = (name: string, runs: number, runTimeNs: number) => ({ name, runs, runTimeNs });
    const rates = ratesBetween(
      answer(0, [], [program('idle', 7, 700), program('promote', 0, 0), program('redirect', 0, 0)]),
      answer(1000, [], [program('idle', 7, 700), program('promote', 1000, 100_000), program('redirect', 500, 300_000)]),
    );
    expect(rates.programs).toEqual([
      { name: 'redirect', runsPerSecond: 500, nsPerRun: 600, cpuShare: 0.0003 },
      { name: 'promote', runsPerSecond: 1000, nsPerRun: 100, cpuShare: 0.0001 },
    ]);
  });
});

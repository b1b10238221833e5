import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, quantile, ratio, summarize } from '../../../bench/harness/statistics.ts';

const samples = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 50 });

describe('quantile', () => {
  it('is the sample itself when there is one', () => {
    expect(quantile([7], 0.99)).toBe(7);
  });

  it('takes the middle of an odd number of samples, in any order', () => {
    expect(median([9, 1, 5])).toBe(5);
  });

  it('takes the mean of the middle two of an even number', () => {
    expect(median([1, 10, 2, 3])).toBe(2.5);
  });

  it('interpolates between neighbours', () => {
    expect(quantile([0, 10, 20, 30, 40], 0.99)).toBeCloseTo(39.6, 9);
  });

  it('sorts numbers as numbers', () => {
    expect(median([10, 9, 100])).toBe(10);
  });

  it('leaves the samples as they were', () => {
    const given = [3, 1, 2];
    median(given);
    expect(given).toEqual([3, 1, 2]);
  });

  it('refuses no samples, a bad share and what is not a number', () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
    expect(() => quantile([1], 1.1)).toThrow('1.1 is not between 0 and 1');
    expect(() => quantile([1, Number.NaN], 0.5)).toThrow('not a number');
  });

  it('never decreases in q and stays between the extremes', () => {
    fc.assert(
      fc.property(
        samples,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, a, b) => {
          const low = quantile(values, Math.min(a, b));
          const high = quantile(values, Math.max(a, b));
          expect(low).toBeLessThanOrEqual(high);
          expect(low).toBeGreaterThanOrEqual(Math.min(...values));
          expect(high).toBeLessThanOrEqual(Math.max(...values));
        },
      ),
    );
  });
});

describe('summarize', () => {
  it('tells median, spread and how many', () => {
    expect(summarize([4, 2, 9])).toEqual({ median: 4, min: 2, max: 9, count: 3 });
  });
});

describe('ratio', () => {
  it('compares round by round, so that a slow round that hit both does not count', () => {
    expect(ratio([50, 500, 52], [100, 1000, 104])).toEqual({ median: 0.5, min: 0.5, max: 0.5, count: 3 });
  });

  it('tells the spread of the rounds', () => {
    expect(ratio([1, 2, 6], [2, 2, 2])).toEqual({ median: 1, min: 0.5, max: 3, count: 3 });
  });

  it('refuses rounds that have no partner and a baseline of nothing', () => {
    expect(() => ratio([1, 2], [1])).toThrow('2 rounds of the variant, 1 of the baseline');
    expect(() => ratio([1, 2], [1, 0])).toThrow('the baseline of round 2 is 0');
  });
});

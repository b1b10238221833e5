import { describe, expect, it } from 'vitest';
import type { Group, Variant } from '../../../bench/harness/benchmark.ts';
import { summarizeGroup } from '../../../bench/harness/results.ts';
import { measureRounds } from '../../../bench/harness/rounds.ts';

/** Variants that log their name and yield 1, 2, 3, … times `step`. */
function countingGroup(name: string, log: string[], steps: Readonly<Record<string, number>>): Group {
  const variants = Object.entries(steps).map(([variant, step]): Variant => {
    let calls = 0;
    return {
      name: variant,
      measure: async () => {
        log.push(`${name}/${variant}`);
        calls += 1;
        return { values: { time: calls * step, share: 0 } };
      },
    };
  });
  return {
    name,
    metrics: [
      { name: 'time', unit: 'us', digits: 1 },
      { name: 'share', unit: '%', digits: 1, compare: false },
    ],
    variants: variants as [Variant, ...Variant[]],
  };
}

describe('measureRounds', () => {
  it('alternates the variants of all groups instead of finishing one first', async () => {
    const log: string[] = [];
    await measureRounds([countingGroup('g', log, { a: 1, b: 1 }), countingGroup('h', log, { a: 1 })], { rounds: 2 });
    const round = ['g/a', 'g/b', 'h/a'];
    expect(log).toEqual([...round, ...round, ...round]);
  });

  it('throws the warm-up round away', async () => {
    const [group] = await measureRounds([countingGroup('g', [], { a: 10 })], { rounds: 3 });
    expect(group?.variants[0]?.rounds.map(({ values }) => values.time)).toEqual([20, 30, 40]);
  });

  it('has no warm-up round where that is said', async () => {
    const [group] = await measureRounds([countingGroup('g', [], { a: 10 })], { rounds: 1, warmUp: false });
    expect(group?.variants[0]?.rounds.map(({ values }) => values.time)).toEqual([10]);
  });

  it('stops before the next measurement when told to', async () => {
    const log: string[] = [];
    const stop = new AbortController();
    const rounds = measureRounds([countingGroup('g', log, { a: 1, b: 1 })], {
      rounds: 5,
      signal: stop.signal,
      onMeasure: (round) => {
        if (round === 2) stop.abort(new Error('interrupted'));
      },
    });
    await expect(rounds).rejects.toThrow('interrupted');
    expect(log).toHaveLength(5);
  });

  it('says which variant failed', async () => {
    const group = countingGroup('g', [], { a: 1 });
    const broken: Variant = { name: 'b', measure: () => Promise.reject(new Error('a byte was wrong')) };
    const rounds = measureRounds([{ ...group, variants: [group.variants[0], broken] }], { rounds: 1 });
    await expect(rounds).rejects.toThrow('g, b: a byte was wrong');
  });

  it('refuses a measurement that lacks a metric', async () => {
    const group = countingGroup('g', [], { a: 1 });
    const lacking: Variant = { name: 'b', measure: async () => ({ values: { time: 1 } }) };
    const rounds = measureRounds([{ ...group, variants: [group.variants[0], lacking] }], { rounds: 1 });
    await expect(rounds).rejects.toThrow('g, b: no value for share');
  });

  it('refuses less than one round', async () => {
    await expect(measureRounds([], { rounds: 0 })).rejects.toThrow(RangeError);
  });
});

describe('summarizeGroup', () => {
  it('takes ratios to the first variant, and none where a metric is not compared', async () => {
    const [rounds] = await measureRounds([countingGroup('g', [], { tcp: 2, fast: 1 })], { rounds: 5 });
    const result = summarizeGroup(rounds!);
    expect(result.baseline).toBe('tcp');
    const [tcp, fast] = result.variants;
    expect(tcp?.metrics.map((metric) => metric.ratio)).toEqual([undefined, undefined]);
    expect(fast?.metrics.map((metric) => metric.ratio?.median)).toEqual([0.5, undefined]);
    expect(fast?.metrics[0]?.summary).toEqual({ median: 4, min: 2, max: 6, count: 5 });
    expect(fast?.raw).toHaveLength(5);
  });
});

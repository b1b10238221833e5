/**
 * Does the fast path stay as fast with many connections, and what memory does one take? 1, 100, 10,000 and 100,000
 * connections of 64 B request/response between two namespaces, first as TCP (the fast path is paused) and then promoted.
 */
import { BenchContext, SHARE } from './fastpath/bench-context.ts';
import { lazy } from './fastpath/lazy.ts';
import { type Cost, type Grown, grow } from './growth/grow.ts';
import type { Benchmark, BenchmarkOptions, Group, Metric, Prepared } from './harness/benchmark.ts';

const NUMBERS = [1, 100, 10_000, 100_000] as const;
/** With fewer, what else happens on the machine hides what they take. */
const ENOUGH_FOR_MEMORY = 10_000;

const COSTS: readonly Metric[] = [
  { name: 'p50', unit: 'us', digits: 2 },
  { name: 'programs', unit: 'ns/message', digits: 0, compare: false },
  SHARE,
];
const MEMORY: readonly Metric[] = [{ name: 'memory', unit: 'bytes/connection', digits: 0 }];

export const benchmark: Benchmark = {
  summary: 'cost of a message and memory of a connection: 1, 100, 10,000 and 100,000 connections',
  once: true,
  prepare,
};

async function prepare(options: BenchmarkOptions): Promise<Prepared> {
  const context = new BenchContext(options);
  const grown = new Map(
    NUMBERS.map((number) => [
      number,
      lazy(async () => {
        const { pair, fastPath } = await context.fast();
        if (fastPath === undefined) throw new Error('a network without the fast path');
        return grow(fastPath, pair, context.cpus, number, options.durationMs);
      }),
    ]),
  );
  const group = (
    name: string,
    number: (typeof NUMBERS)[number],
    metrics: readonly Metric[],
    values: (cost: Cost) => Record<string, number>,
  ): Group => {
    const measure = (which: keyof Grown) => async () => ({
      values: values((await grown.get(number)?.())?.[which] as Cost),
    });
    return {
      name,
      metrics,
      variants: [
        { name: 'TCP', measure: measure('tcp') },
        { name: 'promoted', measure: measure('promoted') },
      ],
    };
  };
  const text = (number: number): string => `${number.toLocaleString('en')} connection${number === 1 ? '' : 's'}`;
  const groups = NUMBERS.flatMap((number): Group[] => [
    {
      ...group(text(number), number, COSTS, ({ p50Us, programsNs, share }) => ({
        p50: p50Us,
        programs: programsNs,
        [SHARE.name]: share,
      })),
      point: { curve: 'Cost of a message', x: number, axis: 'connections' },
    },
    ...(number < ENOUGH_FOR_MEMORY
      ? []
      : [group(`memory, ${text(number)}`, number, MEMORY, ({ memoryBytes }) => ({ memory: memoryBytes }))]),
  ]);
  return { groups, settings: context.settings, [Symbol.asyncDispose]: () => context[Symbol.asyncDispose]() };
}

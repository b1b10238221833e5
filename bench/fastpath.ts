/**
 * What the fast path is worth between two processes of one node, without any proxy, and what it costs those who gain nothing.
 *
 * Both peers are pinned to one CPU unless told otherwise: then a wake-up costs a context switch and no idle state, and
 * the figures show the path and not the scheduler.
 */
import { BenchContext } from './fastpath/bench-context.ts';
import { blockGroups } from './fastpath/block-groups.ts';
import { offPathGroups } from './fastpath/off-path-groups.ts';
import { pairGroups } from './fastpath/pair-groups.ts';
import { segmentGroups } from './fastpath/segment-groups.ts';
import type { Benchmark, BenchmarkOptions, Prepared } from './harness/benchmark.ts';

export const benchmark: Benchmark = {
  summary: 'two peers over TCP, the fast path and a unix socket; off-path traffic; short connections; N segments',
  prepare,
};

async function prepare(options: BenchmarkOptions): Promise<Prepared> {
  const context = new BenchContext(options);
  return {
    groups: [...pairGroups(context), ...offPathGroups(context), ...blockGroups(context), ...segmentGroups(context)],
    settings: context.settings,
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  };
}

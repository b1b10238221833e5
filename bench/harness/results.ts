/** From rounds to what is said about them: medians, spread, ratios to the baseline. */
import type { Metric } from './benchmark.ts';
import type { Machine } from './machine.ts';
import type { GroupRounds, VariantRounds } from './rounds.ts';
import { ratio, type Summary, summarize } from './statistics.ts';

export interface MetricResult extends Metric {
  readonly summary: Summary;
  /** To the baseline, round by round; absent for the baseline itself and for what is not compared. */
  readonly ratio?: Summary;
}

export interface VariantResult {
  readonly variant: string;
  readonly metrics: readonly MetricResult[];
  /** Every measurement, in order. */
  readonly raw: VariantRounds['rounds'];
}

export interface GroupResult {
  readonly group: string;
  readonly baseline: string;
  readonly variants: readonly VariantResult[];
}

/** What `-o json` prints and bench/results/ keeps. */
export interface Results {
  readonly benchmark: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly rounds: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly machine: Machine;
  readonly groups: readonly GroupResult[];
}

/** @throws RangeError when a baseline measured 0, which no ratio can be taken to. */
export function summarizeGroup({ group, variants }: GroupRounds): GroupResult {
  const [baseline] = variants;
  return {
    group: group.name,
    baseline: baseline?.variant ?? '',
    variants: variants.map((one) => ({
      variant: one.variant,
      raw: one.rounds,
      metrics: group.metrics.map((metric) => {
        const values = valuesOf(one, metric.name);
        return {
          ...metric,
          summary: summarize(values),
          ...(isCompared(metric, one, baseline) ? { ratio: ratio(values, valuesOf(baseline, metric.name)) } : {}),
        };
      }),
    })),
  };
}

function isCompared(
  metric: Metric,
  one: VariantRounds,
  baseline: VariantRounds | undefined,
): baseline is VariantRounds {
  return metric.compare !== false && baseline !== undefined && one !== baseline;
}

function valuesOf(one: VariantRounds, metric: string): number[] {
  return one.rounds.map((round) => round.values[metric] as number);
}

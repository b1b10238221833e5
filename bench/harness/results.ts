/** From rounds to what is said about them: medians, spread, ratios to the baseline. */
import type { Added, Group, Metric, Point } from './benchmark.ts';
import type { Machine } from './machine.ts';
import type { GroupRounds, VariantRounds } from './rounds.ts';
import { added, ratio, type Summary, summarize } from './statistics.ts';

export interface MetricResult extends Metric {
  readonly summary: Summary;
  /** To the baseline, round by round; absent for the baseline itself and for what is not compared. */
  readonly ratio?: Summary;
}

export interface VariantResult {
  readonly variant: string;
  readonly metrics: readonly MetricResult[];
  /** To the baseline; absent for the baseline itself and in groups that do not ask for it. */
  readonly added?: AddedResult;
  /** Every measurement, in order. */
  readonly raw: VariantRounds['rounds'];
}

export interface AddedResult {
  readonly summary: Summary;
  /**
   * Its median divided by the median of the reference. Not round by round: a difference of two measurements may be near
   * nothing in one round, and its ratio anything. Null where the reference adds nothing.
   */
  readonly toReference: number | null;
}

export interface GroupResult {
  readonly group: string;
  readonly baseline: string;
  /** Unit, digits and reference of each variant's `added`. */
  readonly added?: Added & Pick<Metric, 'unit' | 'digits'>;
  readonly point?: Point;
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
    ...(group.point === undefined ? {} : { point: group.point }),
    ...(group.added === undefined ? {} : { added: { ...group.added, ...metricOf(group, group.added.metric) } }),
    variants: variants.map((one) => ({
      variant: one.variant,
      raw: one.rounds,
      ...(group.added === undefined || one === baseline ? {} : { added: addedOf(group.added, one, variants) }),
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

function metricOf({ name, metrics }: Group, wanted: string): Pick<Metric, 'unit' | 'digits'> {
  const found = metrics.find((metric) => metric.name === wanted);
  if (found === undefined) throw new RangeError(`${name}: no metric ${wanted}, of which additions are asked for`);
  return { unit: found.unit, digits: found.digits };
}

function addedOf({ metric, reference }: Added, one: VariantRounds, all: readonly VariantRounds[]): AddedResult {
  const [baseline] = all;
  const other = all.find(({ variant }) => variant === reference);
  if (baseline === undefined || other === undefined) throw new RangeError(`no variant ${reference} to compare with`);
  const of = (variant: VariantRounds): Summary => added(valuesOf(variant, metric), valuesOf(baseline, metric));
  const summary = of(one);
  const measure = of(other).median;
  return { summary, toReference: measure > 0 ? summary.median / measure : null };
}

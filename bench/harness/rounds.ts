/** Alternates the variants A B C A B C …, so that whatever drifts on the machine meets all of them alike. */
import type { Group, Measurement } from './benchmark.ts';

/** All measurements of one variant, one a round. */
export interface VariantRounds {
  readonly variant: string;
  readonly rounds: readonly Measurement[];
}

export interface GroupRounds {
  readonly group: Group;
  /** In the order of the group; the first is the baseline. */
  readonly variants: readonly VariantRounds[];
}

export interface RoundOptions {
  /** Rounds that count, at least 1. */
  readonly rounds: number;
  /** One more round is run before them and thrown away: caches, clocks and code warm up in it. Default true. */
  readonly warmUp?: boolean;
  /** Told before each measurement; round 0 is the warm-up. */
  readonly onMeasure?: (round: number, group: string, variant: string) => void;
  /** Looked at before each measurement; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Runs every variant of every group once a round. Throws what a measurement throws, with the place in its message, and
 * when a metric is missing from a measurement.
 */
export async function measureRounds(groups: readonly Group[], options: RoundOptions): Promise<GroupRounds[]> {
  if (!Number.isInteger(options.rounds) || options.rounds < 1) {
    throw new RangeError(`rounds: expected a whole number of at least 1, got ${options.rounds}`);
  }
  const collected = groups.map((group) => ({
    group,
    variants: group.variants.map((variant) => ({ variant: variant.name, rounds: [] as Measurement[] })),
  }));
  for (let round = options.warmUp === false ? 1 : 0; round <= options.rounds; round += 1) {
    for (const { group, variants } of collected) {
      for (const [index, variant] of group.variants.entries()) {
        options.signal?.throwIfAborted();
        options.onMeasure?.(round, group.name, variant.name);
        const measurement = await measureOne(group, variant.name, () => variant.measure());
        if (round > 0) variants[index]?.rounds.push(measurement);
      }
    }
  }
  return collected;
}

async function measureOne(group: Group, name: string, measure: () => Promise<Measurement>): Promise<Measurement> {
  let measurement: Measurement;
  try {
    measurement = await measure();
  } catch (cause) {
    throw new Error(`${group.name}, ${name}: ${(cause as Error).message}`, { cause });
  }
  for (const metric of group.metrics) {
    if (!Number.isFinite(measurement.values[metric.name])) {
      throw new Error(`${group.name}, ${name}: no value for ${metric.name}`);
    }
  }
  return measurement;
}

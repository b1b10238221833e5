/** What is said about repeated measurements: the middle, the extremes, and ratios that compare like with like. */

/** Of one quantity over the rounds, in the unit of the samples. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/**
 * The value below which a share `q` (0 to 1) of the samples lies, interpolated linearly between neighbours; 0.5 is the
 * median. The samples need no order and are not changed. Throws RangeError without samples, or when one is not a number:
 * a mean of nothing must not look like a result.
 */
export function quantile(samples: readonly number[], q: number): number {
  if (samples.length === 0) throw new RangeError('quantile: no samples');
  if (!(q >= 0 && q <= 1)) throw new RangeError(`quantile: ${q} is not between 0 and 1`);
  if (samples.some(Number.isNaN)) throw new RangeError('quantile: a sample is not a number');
  const sorted = samples.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below === above ? below : below + (above - below) * (position - Math.floor(position));
}

/** @throws RangeError without samples. */
export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/** Median and spread. @throws RangeError without samples. */
export function summarize(samples: readonly number[]): Summary {
  return {
    median: median(samples),
    min: quantile(samples, 0),
    max: quantile(samples, 1),
    count: samples.length,
  };
}

/**
 * The ratio of a variant to the baseline, taken round by round and then summarized: what disturbed the machine in one
 * round disturbed both, so the ratio of a round is steadier than the ratio of two medians. Throws RangeError when the
 * numbers of rounds differ or a baseline is not above 0.
 */
export function ratio(variant: readonly number[], baseline: readonly number[]): Summary {
  if (variant.length !== baseline.length) {
    throw new RangeError(`ratio: ${variant.length} rounds of the variant, ${baseline.length} of the baseline`);
  }
  return summarize(
    variant.map((value, round) => {
      const base = baseline[round] as number;
      if (!(base > 0))
        throw new RangeError(`ratio: the baseline of round ${round + 1} is ${base}, expected more than 0`);
      return value / base;
    }),
  );
}

/** What a variant has more than the baseline, round by round. Throws RangeError when the numbers of rounds differ. */
export function added(variant: readonly number[], baseline: readonly number[]): Summary {
  if (variant.length !== baseline.length) {
    throw new RangeError(`added: ${variant.length} rounds of the variant, ${baseline.length} of the baseline`);
  }
  return summarize(variant.map((value, round) => value - (baseline[round] as number)));
}

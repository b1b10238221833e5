/** What a benchmark is: bench/NAME.ts exports one as `benchmark`; bench/run.ts runs it. */

/** One quantity that each measurement yields. */
export interface Metric {
  readonly name: string;
  /** Printed behind the number: `us`, `1/s`, `Gbit/s`. */
  readonly unit: string;
  /** Digits after the decimal point in tables. */
  readonly digits: number;
  /** false: it explains the other numbers and is not compared; no ratio. Default true. */
  readonly compare?: boolean;
}

/** One of the things compared. */
export interface Variant {
  readonly name: string;
  /** Measures once: a value for each metric of the group, in its unit. Throws when the measurement proved nothing. */
  measure(): Promise<Measurement>;
}

export interface Measurement {
  /** By the metric's name. */
  readonly values: Readonly<Record<string, number>>;
  /** Whatever else was seen, kept in the raw results only. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Variants that do the same work and are compared with each other. */
export interface Group {
  readonly name: string;
  readonly metrics: readonly Metric[];
  /** In the order in which a round takes them. The first is the baseline of all ratios. */
  readonly variants: readonly [Variant, ...Variant[]];
  /** What variants add to the baseline is shown too, and compared with what one of them adds. */
  readonly added?: Added;
  /** The group is one point of a curve; groups of one curve have the same variants and metrics. */
  readonly point?: Point;
}

export interface Point {
  /** Name of the curve, which is its title. */
  readonly curve: string;
  /** Above 0; axes are logarithmic. */
  readonly x: number;
  /** What x counts, with its unit. */
  readonly axis: string;
}

export interface Added {
  /** Name of the metric. */
  readonly metric: string;
  /** Name of the variant whose addition is the measure of the others'. */
  readonly reference: string;
}

/** Made for one run; disposed of by the runner, also after an error. */
export interface Prepared extends AsyncDisposable {
  readonly groups: readonly Group[];
  /** Settings that the results depend on; written into them. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface BenchmarkOptions {
  /** Length of one measurement, ms, after its warm-up. */
  readonly durationMs: number;
  /** CPU for the first and for the second peer; absent: the benchmark's own choice. */
  readonly cpus?: readonly [number, number];
  /** Poll instead of sleeping. */
  readonly busy: boolean;
  /** Only groups with this text in their name will be measured; what others need may be left out. */
  readonly what: string;
}

export interface Benchmark {
  /** One line for --help. */
  readonly summary: string;
  /** It is one long run that passes or fails: one round, no warm-up. Default false. */
  readonly once?: boolean;
  /** Acquires what all variants need and undoes itself on failure. */
  prepare(options: BenchmarkOptions): Promise<Prepared>;
}

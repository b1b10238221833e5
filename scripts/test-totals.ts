/** The pure half of scripts/test.ts: its arguments, and the sums of what vitest reported. */

/** In the order in which they run. */
export const TIERS = ['unit', 'filters', 'kernel', 'e2e', 'programs', 'interop'] as const;
export type TierName = (typeof TIERS)[number];

/** Run only when they are named: they take minutes and need programs that scripts/setup does not install. */
const ONLY_WHEN_NAMED: readonly TierName[] = ['programs', 'interop'];

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NO_TESTS: Totals = { passed: 0, failed: 0, skipped: 0 };

/**
 * Names of tiers select them (default all but {@link ONLY_WHEN_NAMED}, always in the order of {@link TIERS}); all else goes
 * to vitest as it is.
 */
export function parseTestArguments(args: readonly string[]): { tiers: TierName[]; forwarded: string[] } {
  const isTier = (arg: string): arg is TierName => (TIERS as readonly string[]).includes(arg);
  const named = new Set(args.filter(isTier));
  return {
    tiers: TIERS.filter((tier) => (named.size === 0 ? !ONLY_WHEN_NAMED.includes(tier) : named.has(tier))),
    forwarded: args.filter((arg) => !isTier(arg)),
  };
}

interface JsonReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

/**
 * @param json vitest's JSON report; undefined when there is none.
 * @param succeeded whether vitest exited 0.
 * A file that could not be loaded counts as one failed test. So does a failure outside of any test (an unhandled
 * rejection, a crash): the sum must never say that all is well when vitest did not.
 */
export function totalsOf(json: string | undefined, succeeded: boolean): Totals {
  if (json === undefined) return { ...NO_TESTS, failed: succeeded ? 0 : 1 };
  const report = JSON.parse(json) as JsonReport;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && !succeeded ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** What CI reads as the last line. */
export function closingLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

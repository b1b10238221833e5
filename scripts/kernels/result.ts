/** What a run of the kernel tier said on one kernel, and what a run on several means. Pure. */
import { closingLine, type Totals, totalsOf } from '../test-totals.ts';

export interface SkippedTest {
  readonly test: string;
  /** As the test gave it; a skip without one is a mistake of the test. */
  readonly reason: string;
}

export interface KernelResult {
  readonly kernel: string;
  readonly usedBy: string;
  /** As `uname -r` says it, and Debian's version of the package. */
  readonly release: string;
  readonly version: string;
  /** Day of the run, as 2026-01-31. */
  readonly date: string;
  readonly seconds: number;
  readonly totals: Totals;
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  readonly skipped: readonly SkippedTest[];
  /** What `shunt doctor` said there. */
  readonly doctor?: Diagnosis;
  /** The guest itself failed. */
  readonly problem?: string;
}

/** The part of a doctor's report that is kept. */
export interface Diagnosis {
  readonly tookMs: number;
  readonly findings: readonly {
    readonly id: string;
    readonly verdict: string;
    readonly found: string;
    readonly expected: string;
  }[];
}

/** What a guest hands back: vitest's JSON report and the doctor's, each as it was printed, if it was. */
export interface Answers {
  readonly tests: string;
  readonly doctor: string;
}

/** Between the two in the guest's answer. */
export const ANSWER_DELIMITER = '----8<----';

export function answersOf(answer: string): Answers {
  const [tests = '', doctor = ''] = answer.split(ANSWER_DELIMITER).map((text) => text.trim());
  return { tests, doctor };
}

/** Undefined: it said nothing that can be read. */
export function diagnosisOf(json: string): Diagnosis | undefined {
  let report: Partial<Diagnosis>;
  try {
    report = JSON.parse(json) as Partial<Diagnosis>;
  } catch {
    return undefined;
  }
  const { tookMs, findings } = report;
  if (tookMs === undefined || findings === undefined) return undefined;
  return {
    tookMs,
    findings: findings.map(({ id, verdict, found, expected }) => ({ id, verdict, found, expected })),
  };
}

interface Report {
  testResults: {
    name: string;
    message?: string;
    status: string;
    assertionResults: { fullName: string; status: string; meta?: { skipReason?: string } }[];
  }[];
}

type Tests = Pick<KernelResult, 'totals' | 'passed' | 'failed' | 'skipped'>;

/**
 * @param json vitest's JSON report; empty when there is none.
 * @param succeeded whether vitest exited 0.
 * @param root of the checkout, cut off from names of files.
 */
export function testsOf(json: string, succeeded: boolean, root: string): Tests {
  const report: Report = json === '' ? { testResults: [] } : JSON.parse(json);
  const passed: string[] = [];
  const failed: string[] = [];
  const skipped: SkippedTest[] = [];
  for (const file of report.testResults) {
    const path = file.name.replace(`${root}/test/kernel/`, '');
    for (const { fullName, status, meta } of file.assertionResults) {
      const test = `${path}: ${fullName}`;
      if (status === 'passed') passed.push(test);
      else if (status === 'failed') failed.push(test);
      else skipped.push({ test, reason: meta?.skipReason ?? 'no reason given' });
    }
    const explained = file.assertionResults.some(({ status }) => status === 'failed');
    if (file.status === 'failed' && !explained) failed.push(`${path}: ${firstLine(file.message)}`);
  }
  return { totals: totalsOf(json === '' ? undefined : json, succeeded), passed, failed, skipped };
}

function firstLine(text: string | undefined): string {
  return text?.trim().split('\n')[0] || 'the file could not be run';
}

function fileOf(test: string): string {
  return test.slice(0, test.indexOf(':'));
}

/** The test files that it knows of. */
export function filesOf({ passed, failed, skipped }: Tests): ReadonlySet<string> {
  return new Set([...passed, ...failed, ...skipped.map(({ test }) => test)].map(fileOf));
}

/**
 * What is kept of a kernel after another run on it: of each test file the newest run. A new release of the kernel begins
 * anew. Of a guest that failed nothing is kept.
 */
export function merged(kept: KernelResult | undefined, fresh: KernelResult): KernelResult | undefined {
  if (fresh.problem !== undefined) return kept;
  if (kept === undefined || kept.release !== fresh.release) return fresh;
  return { ...kept, ...fresh, ...testsOfBoth(kept, fresh) };
}

/** The parts of one run on one kernel as one: what failed in a part failed. */
export function joined(first: KernelResult, next: KernelResult): KernelResult {
  const seconds = first.seconds + next.seconds;
  const problem = first.problem ?? next.problem;
  return { ...next, ...first, ...testsOfBoth(first, next), seconds, ...(problem === undefined ? {} : { problem }) };
}

/** Of a file that is in both, what `fresh` says. */
function testsOfBoth(kept: Tests, fresh: Tests): Tests {
  const files = filesOf(fresh);
  const isOld = (test: string): boolean => !files.has(fileOf(test));
  const passed = [...kept.passed.filter(isOld), ...fresh.passed];
  const failed = [...kept.failed.filter(isOld), ...fresh.failed];
  const skipped = [...kept.skipped.filter(({ test }) => isOld(test)), ...fresh.skipped];
  const totals = { passed: passed.length, failed: failed.length, skipped: skipped.length };
  return { totals, passed, failed, skipped };
}

/** Tests that ran on no kernel although some kernel was asked: nobody knows whether they pass. */
export function skippedEverywhere(results: readonly KernelResult[]): string[] {
  const ran = new Set(results.flatMap(({ passed, failed }) => [...passed, ...failed]));
  const skipped = new Set(results.flatMap((result) => result.skipped.map(({ test }) => test)));
  return [...skipped].filter((test) => !ran.has(test)).sort();
}

/** What is printed for one kernel. */
export function linesOf(result: KernelResult): string[] {
  const { kernel, release, totals, seconds, failed, skipped, problem } = result;
  return [
    `${kernel} (${release}): ${closingLine(totals)} (${seconds.toFixed(0)} s)`,
    ...(problem === undefined ? [] : [`  the guest failed: ${problem}`]),
    ...failed.map((test) => `  failed: ${test}`),
    ...skipped.map(({ test, reason }) => `  skipped on ${kernel}: ${test}: ${reason}`),
  ];
}

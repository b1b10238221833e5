/** What the kernel tier said on the kernels of the matrix: of each test file the newest run. Pure. */

export interface SkippedTest {
  readonly test: string;
  /** As the test gave it; a skip without one is a mistake of the test. */
  readonly reason: string;
}

export interface FailedTest {
  readonly test: string;
  /** First line of the error. */
  readonly reason: string;
}

/** One test file, run from its first to its last test. */
export interface FileResult {
  /** Below test/kernel. */
  readonly file: string;
  readonly passed: readonly string[];
  readonly failed: readonly FailedTest[];
  readonly skipped: readonly SkippedTest[];
  /** Wall clock, in the guest. */
  readonly seconds: number;
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

/** What was run, and what of the checkout it depends on. */
export interface Origin {
  /** Abbreviated; with a + when the sources had changes that were not committed. */
  readonly commit: string;
  /** Of the contents (inputs.ts). A result whose inputs are no longer these is stale. */
  readonly inputs: string;
  /** Day of the run, as 2026-01-31. */
  readonly date: string;
}

export interface KernelResults {
  readonly kernel: string;
  readonly usedBy: string;
  /** As `uname -r` says it, and Debian's version of the package. */
  readonly release: string;
  readonly version: string;
  readonly files: Readonly<Record<string, FileResult & Origin>>;
  /** What `shunt doctor` said there. */
  readonly doctor?: Diagnosis & Origin;
}

/** Of the inputs of a test file, or of {@link DOCTOR}, as they are now. */
export type InputsNow = (file: string) => string;

/** Stands for `shunt doctor` where test files are named. */
export const DOCTOR = 'shunt doctor';

/** Results of another release of the kernel are of no use. */
export function ofRelease(kept: KernelResults | undefined, now: Omit<KernelResults, 'files'>): KernelResults {
  return kept?.release === now.release ? { ...kept, ...now } : { ...now, files: {} };
}

export function withFile(results: KernelResults, file: FileResult, origin: Origin): KernelResults {
  return { ...results, files: { ...results.files, [file.file]: { ...file, ...origin } } };
}

export function withDoctor(results: KernelResults, doctor: Diagnosis, origin: Origin): KernelResults {
  return { ...results, doctor: { ...doctor, ...origin } };
}

export function isStale(result: Origin & { readonly file?: string }, inputs: InputsNow): boolean {
  return result.inputs !== inputs(result.file ?? DOCTOR);
}

/** What has no result, one that is stale, or one that is not good. */
export function missing(results: KernelResults, files: readonly string[], inputs: InputsNow): string[] {
  return files.filter((file) => {
    const result = file === DOCTOR ? results.doctor : results.files[file];
    if (result === undefined || isStale(result, inputs)) return true;
    return 'failed' in result && result.failed.length > 0;
  });
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function totalsOf(files: readonly FileResult[]): Totals {
  const sum = (kind: keyof Totals): number => files.reduce((count, file) => count + file[kind].length, 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/**
 * Tests that were skipped on each kernel: nobody knows whether they pass. Judged are files that all kernels have run, by
 * whatever runs.
 */
export function skippedEverywhere(all: readonly KernelResults[], kernels: number): string[] {
  const names = [...new Set(all.flatMap(({ files }) => Object.keys(files)))].sort();
  return names.flatMap((name) => {
    const runs = all.map(({ files }) => files[name]).filter((file) => file !== undefined);
    if (runs.length < kernels) return [];
    const ran = new Set(runs.flatMap(({ passed, failed }) => [...passed, ...failed.map(({ test }) => test)]));
    const skipped = new Set(runs.flatMap((run) => run.skipped.map(({ test }) => test)));
    return [...skipped].filter((test) => !ran.has(test)).map((test) => `${name}: ${test}`);
  });
}

/** What is printed of some files on one kernel. */
export function linesOf(kernel: string, files: readonly FileResult[]): string[] {
  const { passed, failed, skipped } = totalsOf(files);
  const seconds = files.reduce((sum, file) => sum + file.seconds, 0);
  const named = files.flatMap((file) => [
    ...file.failed.map(({ test, reason }) => `  failed on ${kernel}: ${file.file}: ${test}: ${reason}`),
    ...file.skipped.map(({ test, reason }) => `  skipped on ${kernel}: ${file.file}: ${test}: ${reason}`),
  ]);
  return [
    `${kernel}: ${files.length} files, ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds.toFixed(0)} s)`,
    ...named,
  ];
}

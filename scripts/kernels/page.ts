/** docs/kernels.md from the kept results. Pure. */
import {
  DOCTOR,
  type InputsNow,
  isStale,
  type KernelResults,
  type Origin,
  type SkippedTest,
  totalsOf,
} from './result.ts';

export const PAGE_BEGIN = '<!-- measured: written by npm run test:kernels -->';

export interface Measured {
  readonly all: readonly KernelResults[];
  /** Those that the tier has now; results of others are not shown. */
  readonly files: readonly string[];
  readonly inputs: InputsNow;
  /** How many the matrix has. */
  readonly kernels: number;
  /** Tests that no kernel ran. */
  readonly everywhere: readonly string[];
}

/** The page keeps what stands before {@link PAGE_BEGIN}; the rest is made of the results, in their order. */
export function pageWith(page: string, measured: Measured): string {
  const at = page.indexOf(PAGE_BEGIN);
  const written = at < 0 ? `${page.trimEnd()}\n\n` : page.slice(0, at);
  const lines = [
    ...totals(measured),
    '',
    ...skippedByAll(measured),
    '',
    ...byFile(measured),
    '',
    ...details(measured),
    ...diagnoses(measured),
  ];
  return `${written}${PAGE_BEGIN}\n\n${lines.join('\n')}`;
}

type Run = KernelResults['files'][string];

function runsOf({ files }: Measured, results: KernelResults): Run[] {
  return files.map((file) => results.files[file]).filter((run) => run !== undefined);
}

const HEADS = ['kernel', 'used by', 'package', 'files', 'stale', 'passed', 'failed', 'skipped', 'minutes', 'newest'];

function totals(measured: Measured): string[] {
  const rows = measured.all.map((results) => {
    const runs = runsOf(measured, results);
    const { passed, failed, skipped } = totalsOf(runs);
    const stale = runs.filter((run) => isStale(run, measured.inputs)).length;
    const minutes = Math.round(runs.reduce((sum, { seconds }) => sum + seconds, 0) / 60);
    const newest =
      runs
        .map(({ date }) => date)
        .sort()
        .at(-1) ?? '';
    const counts = [stale, passed, failed, skipped, minutes].map(String);
    return [
      results.release,
      results.usedBy,
      results.version,
      `${runs.length} of ${measured.files.length}`,
      ...counts,
      newest,
    ];
  });
  return aligned(HEADS, rows);
}

function skippedByAll({ all, files, kernels, everywhere }: Measured): string[] {
  const ranByAll = files.filter(
    (file) => all.filter((results) => results.files[file] !== undefined).length === kernels,
  );
  if (everywhere.length === 0) {
    return [`${ranByAll.length} files have run on all ${kernels} kernels: no test of them was skipped by all.`];
  }
  return ['Skipped by all kernels:', '', ...everywhere.map((test) => `- \`${test}\``)];
}

/** A row a file, a column a kernel: what passed there, at which commit. */
function byFile(measured: Measured): string[] {
  const cell = (run: Run | undefined): string => {
    if (run === undefined) return '';
    const others = (['failed', 'skipped'] as const).filter((kind) => run[kind].length > 0);
    const counts = [String(run.passed.length), ...others.map((kind) => `${run[kind].length} ${kind}`)].join(', ');
    return `${counts} (${isStale(run, measured.inputs) ? 'stale, ' : ''}${run.commit})`;
  };
  const rows = measured.files.map((file) => [file, ...measured.all.map(({ files }) => cell(files[file]))]);
  return aligned(['tests passed', ...measured.all.map(({ kernel }) => kernel)], rows);
}

/** Columns are as wide as biome's and other formatters' tables: no reformatting, no difference. */
function aligned(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(heads), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
}

/** A column a kernel, a row a probe; below it what was found where it is not what was hoped for. */
function diagnoses({ all, inputs }: Measured): string[] {
  const examined = all.flatMap(({ kernel, doctor }) => (doctor === undefined ? [] : [{ kernel, doctor }]));
  if (examined.length === 0) return [];
  const ids = [...new Set(examined.flatMap(({ doctor }) => doctor.findings.map(({ id }) => id)))];
  const rows = ids.map((id) => [
    id,
    ...examined.map(({ doctor }) => doctor.findings.find((finding) => finding.id === id)?.verdict ?? ''),
  ]);
  const from = (doctor: Origin): string => `${isStale(doctor, inputs) ? 'stale, ' : ''}${doctor.commit}`;
  const unusual = examined.flatMap(({ kernel, doctor }) =>
    doctor.findings
      .filter(({ verdict }) => verdict !== 'supported')
      .map(({ id, found, expected }) => `- ${kernel}, ${id}: ${found.split('\n')[0]} (expected: ${expected})`),
  );
  const took = examined.map(
    ({ kernel, doctor }) => `${kernel}: ${(doctor.tookMs / 1000).toFixed(0)} s (${from(doctor)})`,
  );
  return [
    `### What \`${DOCTOR}\` says`,
    '',
    ...aligned(['probe', ...examined.map(({ kernel }) => kernel)], rows),
    '',
    `It took, emulated: ${took.join(', ')}.`,
    '',
    ...unusual,
    '',
  ];
}

function details(measured: Measured): string[] {
  return measured.all.flatMap((results) => {
    const runs = runsOf(measured, results);
    const skipped = runs.flatMap((run) =>
      run.skipped.map(({ test, reason }) => ({ test: `${run.file}: ${test}`, reason })),
    );
    const lines = [
      ...runs.flatMap((run) => run.failed.map(({ test, reason }) => `- failed: \`${run.file}: ${test}\`: ${reason}`)),
      ...byReason(skipped).map(([reason, tests]) => `- skipped: ${reason}: ${tests.map((t) => `\`${t}\``).join(', ')}`),
    ];
    return lines.length === 0 ? [] : [`### ${results.kernel}`, '', ...lines, ''];
  });
}

function byReason(skipped: readonly SkippedTest[]): [string, string[]][] {
  const tests = new Map<string, string[]>();
  for (const { test, reason } of skipped) tests.set(reason, [...(tests.get(reason) ?? []), test]);
  return [...tests];
}

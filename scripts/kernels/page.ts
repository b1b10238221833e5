/** docs/kernels.md from the kept results. Pure. */
import { filesOf, type KernelResult } from './result.ts';

export const PAGE_BEGIN = '<!-- measured: written by npm run test:kernels -->';

/** The page keeps what stands before {@link PAGE_BEGIN}; the rest is made of the results, in their order. @param files How many the tier has. */
export function pageWith(page: string, results: readonly KernelResult[], files: number): string {
  const at = page.indexOf(PAGE_BEGIN);
  const written = at < 0 ? `${page.trimEnd()}\n\n` : page.slice(0, at);
  const lines = [...table(results, files), '', ...details(results), ...diagnoses(results)];
  return `${written}${PAGE_BEGIN}\n\n${lines.join('\n')}`;
}

const HEADS = ['kernel', 'used by', 'package', 'files', 'passed', 'failed', 'skipped', 'date'];

function table(results: readonly KernelResult[], files: number): string[] {
  const rows = results.map((result) => {
    const { release, usedBy, version, totals, date } = result;
    const counts = [totals.passed, totals.failed, totals.skipped];
    return [release, usedBy, version, `${filesOf(result).size} of ${files}`, ...counts.map(String), date];
  });
  return aligned(HEADS, rows);
}

/** Columns are as wide as biome's and other formatters' tables: no reformatting, no difference. */
function aligned(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(heads), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
}

/** A column a kernel, a row a probe; below it what was found where it is not what was hoped for. */
function diagnoses(results: readonly KernelResult[]): string[] {
  const examined = results.filter(({ doctor }) => doctor !== undefined);
  if (examined.length === 0) return [];
  const findings = (result: KernelResult) => result.doctor?.findings ?? [];
  const ids = [...new Set(examined.flatMap((result) => findings(result).map(({ id }) => id)))];
  const verdict = (result: KernelResult, id: string): string =>
    findings(result).find((finding) => finding.id === id)?.verdict ?? '';
  const rows = ids.map((id) => [id, ...examined.map((result) => verdict(result, id))]);
  const unusual = examined.flatMap((result) =>
    findings(result)
      .filter((finding) => finding.verdict !== 'supported')
      .map(({ id, found, expected }) => `- ${result.kernel}, ${id}: ${found.split('\n')[0]} (expected: ${expected})`),
  );
  const took = examined.map(({ kernel, doctor }) => `${kernel}: ${((doctor?.tookMs ?? 0) / 1000).toFixed(0)} s`);
  return [
    '### What `shunt doctor` says',
    '',
    ...aligned(['probe', ...examined.map(({ kernel }) => kernel)], rows),
    '',
    `It took, emulated: ${took.join(', ')}.`,
    '',
    ...unusual,
    '',
  ];
}

function details(results: readonly KernelResult[]): string[] {
  return results.flatMap(({ kernel, failed, skipped, problem }) => {
    const lines = [
      ...(problem === undefined ? [] : [`- the guest failed: ${problem.split('\n')[0]}`]),
      ...failed.map((test) => `- failed: \`${test}\``),
      ...byReason(skipped).map(([reason, tests]) => `- skipped: ${reason}: ${tests.map((t) => `\`${t}\``).join(', ')}`),
    ];
    return lines.length === 0 ? [] : [`### ${kernel}`, '', ...lines, ''];
  });
}

function byReason(skipped: KernelResult['skipped']): [string, string[]][] {
  const tests = new Map<string, string[]>();
  for (const { test, reason } of skipped) tests.set(reason, [...(tests.get(reason) ?? []), test]);
  return [...tests];
}

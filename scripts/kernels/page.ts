/** docs/kernels.md from the kept results. Pure. */
import { filesOf, type KernelResult } from './result.ts';

export const PAGE_BEGIN = '<!-- measured: written by npm run test:kernels -->';

/** The page keeps what stands before {@link PAGE_BEGIN}; the rest is made of the results, in their order. @param files How many the tier has. */
export function pageWith(page: string, results: readonly KernelResult[], files: number): string {
  const at = page.indexOf(PAGE_BEGIN);
  const written = at < 0 ? `${page.trimEnd()}\n\n` : page.slice(0, at);
  return `${written}${PAGE_BEGIN}\n\n${[...table(results, files), '', ...details(results)].join('\n')}`;
}

const HEADS = ['kernel', 'used by', 'package', 'files', 'passed', 'failed', 'skipped', 'date'];

/** Columns are as wide as biome's and other formatters' tables: no reformatting, no difference. */
function table(results: readonly KernelResult[], files: number): string[] {
  const rows = results.map((result) => {
    const { release, usedBy, version, totals, date } = result;
    const counts = [totals.passed, totals.failed, totals.skipped];
    return [release, usedBy, version, `${filesOf(result).size} of ${files}`, ...counts.map(String), date];
  });
  const widths = HEADS.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(HEADS), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)];
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

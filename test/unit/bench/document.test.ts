import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeDocument } from '../../../bench/harness/document.ts';
import { machine } from '../../../bench/harness/machine.ts';
import { type GroupResult, type Results, summarizeGroup } from '../../../bench/harness/results.ts';

/** TCP measured 10 and 20, the fast path `fast`. */
function group(name: string, fast: readonly [number, number], x?: number): GroupResult {
  const rounds = (values: readonly number[]) => values.map((p50) => ({ values: { p50 } }));
  const variants = ['TCP', 'fast path'].map((variant) => ({ name: variant, measure: () => Promise.reject() }));
  return summarizeGroup({
    group: {
      name,
      metrics: [{ name: 'p50', unit: 'us', digits: 1 }],
      variants: variants as never,
      ...(x === undefined ? {} : { point: { curve: 'Growth', x, axis: 'connections' } }),
    },
    variants: [
      { variant: 'TCP', rounds: rounds([10, 20]) },
      { variant: 'fast path', rounds: rounds(fast) },
    ],
  });
}

const results: Results = {
  benchmark: 'some',
  startedAt: '2026-01-02T03:04:05.000Z',
  rounds: 2,
  settings: { durationMs: 5 },
  machine: machine(),
  groups: [group('ping', [5, 10]), group('one', [8, 16], 1), group('hundred', [4, 8], 100)],
};

test('writes tables, ratios, one figure for ratios and one for each metric of a curve, and takes old figures away', () => {
  const directory = mkdtempSync(join(tmpdir(), 'shunt-document-'));
  try {
    writeFileSync(join(directory, 'some-old.svg'), '');
    writeFileSync(join(directory, 'other-old.svg'), '');
    const page = readFileSync(writeDocument(results, directory, 'npm run bench -- some'), 'utf8');
    expect(page).toContain('2026-01-02 03:04 UTC');
    expect(page).toContain('|  | fast path | 7.5 (5.0 .. 10.0) | x 0.50 (0.50 .. 0.50) |');
    expect(page).toContain('| 100 | 15.0 | 6.0 (x 0.40) |');
    const figures = readdirSync(directory).filter((file) => file.endsWith('.svg'));
    expect(figures).toEqual(['other-old.svg', 'some-growth-p50.svg', 'some-ratios.svg']);
    for (const figure of figures.slice(1)) {
      expect(page).toContain(`](${figure})`);
      const svg = readFileSync(join(directory, figure), 'utf8');
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
      expect(svg).toMatch(/[>:] ?fast path<\/text>/);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

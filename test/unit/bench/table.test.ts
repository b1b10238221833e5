import { expect, it } from 'vitest';
import { machine } from '../../../bench/harness/machine.ts';
import { summarizeGroup } from '../../../bench/harness/results.ts';
import { resultsTable } from '../../../bench/harness/table.ts';

const time = { name: 'p50', unit: 'us', digits: 1 };
const variant = (name: string) => ({ name, measure: () => Promise.reject(new Error('not measured here')) });
const rounds = (values: number[]) => values.map((p50) => ({ values: { p50 } }));

it('shows median, spread and ratio of each variant below the baseline', () => {
  const text = resultsTable({
    benchmark: 'fastpath',
    startedAt: '2026-01-01T00:00:00.000Z',
    rounds: 3,
    settings: {},
    machine: machine(),
    groups: [
      summarizeGroup({
        group: { name: '64 B', metrics: [time], variants: [variant('TCP'), variant('fast path')] },
        variants: [
          { variant: 'TCP', rounds: rounds([10, 12, 11]) },
          { variant: 'fast path', rounds: rounds([5, 6, 5.5]) },
        ],
      }),
    ],
  });
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) =>
      line
        .split('│')
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
  expect(rows).toEqual([
    ['64 B', '', 'median', 'min .. max', 'ratio', 'min .. max'],
    ['p50 (us)', 'TCP', '11.0', '10.0 .. 12.0', '', ''],
    ['', 'fast path', '5.5', '5.0 .. 6.0', 'x 0.50', '0.50 .. 0.50'],
  ]);
});

import { expect, it } from 'vitest';
import type { Group } from '../../../bench/harness/benchmark.ts';
import { machine } from '../../../bench/harness/machine.ts';
import { summarizeGroup } from '../../../bench/harness/results.ts';
import type { GroupRounds } from '../../../bench/harness/rounds.ts';
import { resultsTable } from '../../../bench/harness/table.ts';

const time = { name: 'p50', unit: 'us', digits: 1 };
const variant = (name: string) => ({ name, measure: () => Promise.reject(new Error('not measured here')) });
const rounds = (values: number[]) => values.map((p50) => ({ values: { p50 } }));

function rowsOf(group: Group, variants: GroupRounds['variants']): string[][] {
  const text = resultsTable({
    benchmark: 'fastpath',
    startedAt: '2026-01-01T00:00:00.000Z',
    rounds: 3,
    settings: {},
    machine: machine(),
    groups: [summarizeGroup({ group, variants })],
  });
  return text
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) =>
      line
        .split('│')
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
}

it('shows median, spread and ratio of each variant below the baseline', () => {
  const rows = rowsOf({ name: '64 B', metrics: [time], variants: [variant('TCP'), variant('fast path')] }, [
    { variant: 'TCP', rounds: rounds([10, 12, 11]) },
    { variant: 'fast path', rounds: rounds([5, 6, 5.5]) },
  ]);
  expect(rows).toEqual([
    ['64 B', '', 'median', 'min .. max', 'ratio', 'min .. max'],
    ['p50 (us)', 'TCP', '11.0', '10.0 .. 12.0', '', ''],
    ['', 'fast path', '5.5', '5.0 .. 6.0', 'x 0.50', '0.50 .. 0.50'],
  ]);
});

it('shows what variants add to the baseline, and compares it with what one of them adds', () => {
  const group: Group = {
    name: 'g',
    metrics: [time],
    variants: [variant('none'), variant('RBAC'), variant('authz'), variant('nothing')],
    added: { metric: 'p50', reference: 'RBAC' },
  };
  const variants = [
    { variant: 'none', rounds: rounds([10, 12, 20]) },
    { variant: 'RBAC', rounds: rounds([12, 13, 24]) },
    { variant: 'authz', rounds: rounds([13, 16, 28]) },
    { variant: 'nothing', rounds: rounds([10, 12, 19]) },
  ];
  expect(rowsOf(group, variants).slice(5)).toEqual([
    ['added p50 (us)', 'RBAC', '2.0', '1.0 .. 4.0', '', ''],
    ['', 'authz', '4.0', '3.0 .. 8.0', 'x 2.00 of RBAC', ''],
    ['', 'nothing', '0.0', '-1.0 .. 0.0', 'x 0.00 of RBAC', ''],
  ]);
});

it('compares with nothing that adds nothing', () => {
  const group: Group = {
    name: 'g',
    metrics: [time],
    variants: [variant('none'), variant('RBAC'), variant('authz')],
    added: { metric: 'p50', reference: 'RBAC' },
  };
  const variants = [
    { variant: 'none', rounds: rounds([10]) },
    { variant: 'RBAC', rounds: rounds([10]) },
    { variant: 'authz', rounds: rounds([13]) },
  ];
  expect(rowsOf(group, variants).at(-1)).toEqual(['', 'authz', '3.0', '3.0 .. 3.0', '', '']);
});

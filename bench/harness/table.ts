/** Results as tables for a terminal: one a group. */
import Table from 'cli-table3';
import type { GroupResult, MetricResult, Results } from './results.ts';
import type { Summary } from './statistics.ts';

/** The whole text, newline at the end left out. */
export function resultsTable(results: Results): string {
  const { machine } = results;
  const rounds = results.rounds === 1 ? '' : `${results.rounds} rounds, alternated; `;
  const head =
    `${results.benchmark}: ${rounds}median (min .. max), ratio to the first row. ` +
    `${machine.cpu}, ${machine.cpus} CPUs${machine.virtual ? ' (virtual)' : ''}, Linux ${machine.kernel}, ` +
    `load ${machine.loadAverage.toFixed(1)}`;
  return [head, ...results.groups.map(groupTable)].join('\n\n');
}

/** Rows of one metric stand together: that is what the eye compares. */
function groupTable(group: GroupResult): string {
  const table = new Table({
    head: [group.group, '', 'median', 'min .. max', 'ratio', 'min .. max'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
  });
  for (const [index, metric] of (group.variants[0]?.metrics ?? []).entries()) {
    for (const [row, variant] of group.variants.entries()) {
      const name = row === 0 ? `${metric.name} (${metric.unit})` : '';
      table.push([name, variant.variant, ...cells(variant.metrics[index] ?? metric)]);
    }
  }
  if (group.added !== undefined) for (const row of addedRows(group, group.added)) table.push(row);
  return table.toString();
}

/** The ratio is to what the reference adds, of medians. */
function addedRows(
  group: GroupResult,
  { metric, unit, digits, reference }: NonNullable<GroupResult['added']>,
): string[][] {
  return group.variants.flatMap(({ variant, added }, row) => {
    if (added === undefined) return [];
    const { summary, toReference } = added;
    const compared = toReference === null || variant === reference ? '' : `x ${toReference.toFixed(2)} of ${reference}`;
    const name = row === 1 ? `added ${metric} (${unit})` : '';
    return [[name, variant, summary.median.toFixed(digits), spread(summary, digits), compared, '']];
  });
}

function spread(of: Summary, places: number): string {
  return `${of.min.toFixed(places)} .. ${of.max.toFixed(places)}`;
}

function cells({ summary, ratio, digits }: MetricResult): string[] {
  return [
    summary.median.toFixed(digits),
    spread(summary, digits),
    ratio === undefined ? '' : `x ${ratio.median.toFixed(2)}`,
    ratio === undefined ? '' : spread(ratio, 2),
  ];
}

/** Results as tables for a terminal: one a group. */
import Table from 'cli-table3';
import type { GroupResult, MetricResult, Results } from './results.ts';
import type { Summary } from './statistics.ts';

/** The whole text, newline at the end left out. */
export function resultsTable(results: Results): string {
  const { machine } = results;
  const head =
    `${results.benchmark}: ${results.rounds} rounds, alternated; median (min .. max), ratio to the first row. ` +
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
  return table.toString();
}

function cells({ summary, ratio, digits }: MetricResult): string[] {
  const spread = (of: Summary, places: number): string => `${of.min.toFixed(places)} .. ${of.max.toFixed(places)}`;
  return [
    summary.median.toFixed(digits),
    spread(summary, digits),
    ratio === undefined ? '' : `x ${ratio.median.toFixed(2)}`,
    ratio === undefined ? '' : spread(ratio, 2),
  ];
}

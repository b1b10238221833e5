/** Results as a page of docs/benchmarks with its figures: the conditions, the tables, the curves. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { curveSvg, ratioSvg } from './plots.ts';
import type { GroupResult, MetricResult, Results } from './results.ts';
import type { Summary } from './statistics.ts';

/** Replaces `directory`/NAME.md and `directory`/NAME-*.svg. Returns the page's path. */
export function writeDocument(results: Results, directory: string, command: string): string {
  const { benchmark, groups } = results;
  mkdirSync(directory, { recursive: true });
  for (const file of readdirSync(directory)) {
    if (file.startsWith(`${benchmark}-`) && file.endsWith('.svg')) rmSync(join(directory, file));
  }
  const figure = (name: string, svg: string): string => {
    const file = `${benchmark}-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;
    writeFileSync(join(directory, file), svg);
    return `![${name}](${file})`;
  };
  const single = groups.filter(({ point }) => point === undefined);
  const curves = Map.groupBy(
    groups.filter(({ point }) => point !== undefined),
    ({ point }) => point?.curve ?? '',
  );
  const ratios = ratioSvg(single);
  const page = join(directory, `${benchmark}.md`);
  const parts = [
    `<!-- Written by \`${command}\`; do not edit. -->`,
    `# Benchmark: ${benchmark}`,
    conditions(results, command),
    ...(ratios === undefined ? [] : [figure('ratios', ratios)]),
    ...single.map((group) => `## ${capital(group.group)}\n\n${groupTable(group)}`),
    ...[...curves].map(([name, points]) => `## ${name}\n\n${curveParts(name, points, figure).join('\n\n')}`),
  ];
  writeFileSync(page, `${parts.join('\n\n')}\n`);
  return page;
}

function conditions({ machine, settings, rounds, startedAt }: Results, command: string): string {
  const cpus = `${machine.cpus} CPUs${machine.virtual ? ', virtual' : ''}`;
  const load = machine.loadAverage.toFixed(1);
  return [
    `\`${command}\`, ${startedAt.slice(0, 16).replace('T', ' ')} UTC.`,
    `${machine.cpu} (${cpus}), Linux ${machine.kernel}, TCP congestion control ${machine.congestionControl},`,
    `${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, Node ${machine.node}, load ${load} at the start`,
    `(more than 0.5 a CPU: others were measured too). ${rounds} rounds, in which the variants alternate, after one that warms up;`,
    'median (least .. most); ratios are taken round by round to the first row.',
    `Settings: ${Object.entries(settings)
      .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
      .join(', ')}.`,
  ].join('\n');
}

function groupTable(group: GroupResult): string {
  const metrics = group.variants[0]?.metrics ?? [];
  const rows = metrics.flatMap((metric, index) =>
    group.variants.map(({ variant, metrics: own }, row) => {
      const { summary, ratio, digits } = own[index] as MetricResult;
      const name = row === 0 ? `${metric.name} (${metric.unit})` : '';
      return [name, variant, spread(summary, digits), ratio === undefined ? '' : `x ${spread(ratio, 2)}`];
    }),
  );
  return table(['', '', 'median (least .. most)', 'ratio'], rows);
}

/** Each metric: its figure where it is compared, and its table. */
function curveParts(
  name: string,
  points: readonly GroupResult[],
  figure: (name: string, svg: string) => string,
): string[] {
  const [first] = points;
  return (first?.variants[0]?.metrics ?? []).flatMap((metric, index) => {
    const head = [`${metric.name} (${metric.unit}), by ${first?.point?.axis ?? 'x'}`];
    const rows = points.map((group) => [
      (group.point?.x ?? 0).toLocaleString('en'),
      ...group.variants.map(({ metrics }) => {
        const { summary, ratio, digits } = metrics[index] as MetricResult;
        return `${summary.median.toFixed(digits)}${ratio === undefined ? '' : ` (x ${ratio.median.toFixed(2)})`}`;
      }),
    ]);
    const text = table([...head, ...(first?.variants ?? []).map(({ variant }) => variant)], rows);
    return metric.compare === false ? [text] : [figure(`${name} ${metric.name}`, curveSvg(points, metric.name)), text];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

function spread(of: Summary, digits: number): string {
  return `${of.median.toFixed(digits)} (${of.min.toFixed(digits)} .. ${of.max.toFixed(digits)})`;
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

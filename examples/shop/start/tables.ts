/** What people see: the live table, and the summary at the end. */
import Table from 'cli-table3';
import type { Summary } from '../../../bench/harness/statistics.ts';
import type { Status } from '../../../src/api/types.ts';
import type { LoadReport } from '../load/report.ts';
import type { Measurement } from './measurement.ts';
import type { ShopSummary } from './summary.ts';

const STYLE = { head: [], border: [], compact: true };

export interface Live {
  readonly report: LoadReport | undefined;
  readonly status: Status | undefined;
  readonly share: number | null;
  readonly measurement: Measurement | undefined;
  /** `measuring: fast path paused`, … */
  readonly doing: string;
}

export function liveTable({ report, status, share, measurement, doing }: Live): string {
  const table = new Table({ style: STYLE, colAligns: ['left', 'right'] });
  const counts = report?.counts;
  table.push(
    ['now', doing],
    ['requests', `${counts?.requests ?? 0} (${report?.interval.requests ?? 0}/s)`],
    ['denied by policy', `${counts?.denied ?? 0} of ${counts?.expectedDenied ?? 0} that must be`],
    [
      'errors, wrong verdicts',
      String((counts?.errors ?? 0) + (counts?.wronglyAllowed ?? 0) + (counts?.wronglyDenied ?? 0)),
    ],
    ['p50 / p99', `${ms(report?.interval.p50Ms)} / ${ms(report?.interval.p99Ms)}`],
    ['uploads read back equal', `${report?.uploads.equal ?? 0} of ${report?.uploads.done ?? 0}`],
    ['forbidden connections refused', `${report?.intruder.refused ?? 0} of ${report?.intruder.attempts ?? 0}`],
    ['fast path', status?.fastPath.state ?? '-'],
    ['share of bytes towards safe readers', percent(share)],
    ['memory of Envoy (PSS)', mebibytes(status?.envoy.memory?.pssBytes)],
    ['memory of the supervisor (PSS)', mebibytes(status?.supervisor.memory.pssBytes)],
  );
  if (measurement !== undefined) table.push(['requests/s, on to paused', ratioText(measurement.ratio.perSecond)]);
  for (const problem of status?.problems ?? []) table.push(['problem', problem]);
  return table.toString();
}

export function summaryText(summary: ShopSummary): string {
  const claims = new Table({ head: ['', 'claim', 'seen'], style: STYLE });
  for (const { claim, held, seen } of summary.claims) claims.push([held ? 'ok' : 'FAILED', claim, seen]);
  const parts = [claims.toString()];
  if (summary.measurement !== undefined) parts.push(measurementText(summary.measurement));
  parts.push(
    `${summary.requests} requests in ${summary.seconds.toFixed(0)} s, p50 ${ms(summary.p50Ms)}, p99 ${ms(summary.p99Ms)}; ` +
      `memory: Envoy ${mebibytes(summary.memory.envoyPssBytes)}, supervisor ${mebibytes(summary.memory.supervisorPssBytes)}`,
  );
  if (summary.error !== undefined) parts.push(`stopped: ${summary.error}`);
  parts.push(summary.ok ? 'all held' : 'NOT all held');
  return parts.join('\n');
}

function measurementText({ rounds, phaseMs, on, paused, ratio, shareOn }: Measurement): string {
  const table = new Table({
    head: [`one client, ${rounds} x ${phaseMs} ms each`, 'fast path on', 'paused', 'ratio', 'min .. max'],
    style: STYLE,
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  });
  const row = (name: string, digits: number, key: keyof typeof on): string[] => [
    name,
    on[key].median.toFixed(digits),
    paused[key].median.toFixed(digits),
    `x ${ratio[key].median.toFixed(2)}`,
    `${ratio[key].min.toFixed(2)} .. ${ratio[key].max.toFixed(2)}`,
  ];
  table.push(row('requests/s', 0, 'perSecond'), row('p50 (ms)', 2, 'p50Ms'), row('p99 (ms)', 2, 'p99Ms'));
  return `${table.toString()}\n${percent(shareOn)} of the bytes took the fast path while it was on`;
}

function ratioText({ median, min, max }: Summary): string {
  return `x ${median.toFixed(2)} (${min.toFixed(2)} .. ${max.toFixed(2)})`;
}

function ms(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(2)} ms`;
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(1)} %`;
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '-' : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

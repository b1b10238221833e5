/** `shunt doctor`: what this kernel does, what that means, and what stays off. */
import { newReport } from '../../doctor/kept.ts';
import { adviceOf, type Finding, type Report } from '../../doctor/probe.ts';
import type { Context } from '../context.ts';
import { EXIT, show, table } from '../output.ts';

/** Looks again, and what it finds is what the next `up` goes by. Exit status 1 when the fast path is not armed. */
export async function doctor(context: Context): Promise<number> {
  const report = await newReport();
  const { obstacle, promotion } = adviceOf(report);
  const fastPath = obstacle === undefined ? { armed: true, promotion } : { armed: false, because: obstacle };
  show(context.output, { ...report, fastPath }, lines);
  return obstacle === undefined ? EXIT.ok : EXIT.failed;
}

export function lines(report: Report): string {
  const { findings, kernel, tookMs } = report;
  const { obstacle, promotion } = adviceOf(report);
  const verdict =
    obstacle ?? `the fast path may be armed${promotion === 'iterator' ? '; the supervisor promotes' : ''}`;
  return [
    table(['probe', 'result', 'what it means'], findings.map(row)),
    ...findings.filter(({ verdict }) => verdict !== 'supported').map(explanation),
    table(
      ['probe', 'linux'],
      findings.map((finding) => [finding.id, finding.kernel]),
    ),
    `kernel ${kernel}, ${(tookMs / 1000).toFixed(1)} s: ${verdict}`,
  ].join('\n\n');
}

function row({ id, verdict, title, means }: Finding): string[] {
  return [id, verdict, verdict === 'supported' ? `${title}: ${means}` : `${title}: see below`];
}

function explanation({ id, verdict, found, expected, staysOff }: Finding): string {
  return `${id}: ${verdict}\n  found      ${found}\n  expected   ${expected}\n  stays off  ${staysOff}`;
}

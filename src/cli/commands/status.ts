/** `shunt status`: is all well, what does it cost, how much goes by the fast path. */
import type { Status } from '../../api/types.ts';
import { type Context, withApi } from '../context.ts';
import { bytes, EXIT, percent, show, table } from '../output.ts';

/** Exit status 1 when something does not work, so that a script can ask. */
export async function status(context: Context): Promise<number> {
  const now = await withApi(context.instance, (api) => api.status());
  show(context.output, now, lines);
  return now.problems.length === 0 ? EXIT.ok : EXIT.failed;
}

function lines(now: Status): string {
  const rows: [string, string][] = [
    ['instance', now.instance],
    ['supervisor', `pid ${now.supervisor.pid}, ${bytes(now.supervisor.memory.pssBytes)}`],
    [
      'envoy',
      `${now.envoy.state}${now.envoy.pid === undefined ? '' : `, pid ${now.envoy.pid}`}` +
        `${now.envoy.memory === undefined ? '' : `, ${bytes(now.envoy.memory.pssBytes)}`}, ${now.envoy.restarts} restarts`,
    ],
    ['workloads', `${now.workloads.running} running of ${now.workloads.total}`],
    ['services', String(now.services)],
    ['policies', String(now.policies)],
    [
      'fast path',
      `${now.fastPath.state}, ${percent(now.fastPath.share)} of ${bytes(now.fastPath.safeReaderBytes)} towards safe readers`,
    ],
    ...(now.fastPath.pausedWorkloads.length === 0
      ? []
      : [['paused', now.fastPath.pausedWorkloads.join(', ')] as [string, string]]),
    ...now.fastPath.learned.map(({ workload, since }): [string, string] => [
      'learned',
      `${workload} makes promoted sockets blocking, so it stays off the fast path (since ${since}); undo: shunt forget ${workload}`,
    ]),
    ...(now.fastPath.becameBlocking === 0
      ? []
      : [
          ['made blocking', `${now.fastPath.becameBlocking} promoted sockets; see: shunt flows --all`] as [
            string,
            string,
          ],
        ]),
    ...now.problems.map((problem): [string, string] => ['problem', problem]),
  ];
  const outcomes = Object.keys(now.fastPath.messages)
    .filter((name) => (now.fastPath.messages[name] ?? 0) > 0 || (now.fastPath.bytes[name] ?? 0) > 0)
    .map((name) => [name, now.fastPath.messages[name], bytes(now.fastPath.bytes[name] ?? 0)] as const);
  const summary = table(['what', 'state'], rows);
  return outcomes.length === 0 ? summary : `${summary}\n\n${table(['outcome', 'messages', 'bytes'], outcomes)}`;
}

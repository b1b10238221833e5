/** `shunt explain`: how a socket stands to the fast path, since when, and why. */
import type { ExplainedSocket } from '../../api/types.ts';
import { type Context, withApi } from '../context.ts';
import { duration, show } from '../output.ts';

export async function explain(context: Context, what: string): Promise<void> {
  const sockets = await withApi(context.instance, (api) => api.explain(what));
  show(context.output, sockets, (all) => all.map(lines).join('\n\n'));
}

function lines(socket: ExplainedSocket): string {
  const { program, pid, fd, workload, local, remote, phase, ageMs, sentences } = socket;
  const owner = workload === undefined ? '' : ` of ${workload}`;
  const since = ageMs === undefined ? '' : `, for ${duration(ageMs)}`;
  return [
    `${local} to ${remote}: ${program}${owner}, ${pid}:${fd}`,
    `${phase}${since}`,
    ...sentences.map((sentence) => `  ${sentence}`),
  ].join('\n');
}

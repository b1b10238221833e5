/** `shunt workloads`: who is in the mesh, as whom, and whether it runs. */
import { type Context, withApi } from '../context.ts';
import { bytes, show, table } from '../output.ts';

export async function workloads(context: Context): Promise<void> {
  const all = await withApi(context.instance, (api) => api.workloads());
  show(context.output, all, (list) =>
    table(
      ['workload', 'state', 'ip', 'principal', 'fast path', 'pids', 'restarts', 'memory'],
      list.map((one) => [
        one.key,
        one.adHoc ? `${one.state} (ad hoc)` : one.state,
        one.ip,
        one.principal,
        one.paused ? `${one.fastPath}, paused` : one.fastPath,
        one.pids.length,
        one.restarts,
        bytes(one.memory.pssBytes),
      ]),
    ),
  );
}

/** `shunt forget`: what was learned of a workload by watching it; it may be promoted again. */
import { type Context, withApi } from '../context.ts';
import { show } from '../output.ts';
import { keyOf } from './pause.ts';

/** @param name As for `shunt pause`. Absent: of all workloads. */
export async function forget(context: Context, name?: string): Promise<void> {
  const workload = keyOf(name);
  await withApi(context.instance, (api) => api.forget(workload));
  show(
    context.output,
    { forgotten: workload ?? 'all' },
    () => `forgotten: what was learned of ${workload ?? 'all workloads'}`,
  );
}

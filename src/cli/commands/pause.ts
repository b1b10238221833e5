/** `shunt pause` and `shunt resume`: redirecting stops and starts at once; no byte is lost, nothing is closed. */
import { type Context, withApi } from '../context.ts';
import { show } from '../output.ts';

/** @param name NAMESPACE/NAME, or NAME in `default`. Absent: all of the instance. */
export async function pause(context: Context, name?: string): Promise<void> {
  const workload = keyOf(name);
  await withApi(context.instance, (api) => api.pause(workload));
  show(context.output, { fastPath: 'paused', workload }, () =>
    workload === undefined
      ? 'fast path paused: every message goes by TCP'
      : `fast path paused for ${workload}: what it sends and receives goes by TCP`,
  );
}

/** @param name As in {@link pause}. */
export async function resume(context: Context, name?: string): Promise<void> {
  const workload = keyOf(name);
  await withApi(context.instance, (api) => api.resume(workload));
  show(context.output, { fastPath: 'on', workload }, () =>
    workload === undefined ? 'fast path on' : `fast path on for ${workload}`,
  );
}

/** NAME is taken to be in `default`. */
export function keyOf(name: string | undefined): string | undefined {
  return name === undefined || name.includes('/') ? name : `default/${name}`;
}

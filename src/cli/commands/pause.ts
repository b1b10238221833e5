/** `shunt pause` and `shunt resume`: redirecting stops and starts at once; no byte is lost, nothing is closed. */
import { type Context, withApi } from '../context.ts';
import { show } from '../output.ts';

export async function pause(context: Context): Promise<void> {
  await withApi(context.instance, (api) => api.pause());
  show(context.output, { fastPath: 'paused' }, () => 'fast path paused: every message goes by TCP');
}

export async function resume(context: Context): Promise<void> {
  await withApi(context.instance, (api) => api.resume());
  show(context.output, { fastPath: 'on' }, () => 'fast path on');
}

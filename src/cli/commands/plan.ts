/** `shunt plan`: what `up` would change, without changing it. */

import { loadResources } from '../../config/load.ts';
import { type Context, withApi } from '../context.ts';
import { show } from '../output.ts';
import { requestOf } from './up.ts';

export async function plan(context: Context, paths: readonly string[]): Promise<void> {
  const { sources } = loadResources(paths);
  const result = await withApi(context.instance, (api) => api.plan(requestOf(sources)));
  show(context.output, result, ({ changes }) => (changes.length === 0 ? 'no change' : changes.join('\n')));
}

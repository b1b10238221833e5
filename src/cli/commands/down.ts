/** `shunt down`: removes everything of the instance, with or without a supervisor, with or without state files. */
import { ApiClient } from '../../api/client.ts';
import { ShuntError } from '../../errors.ts';
import { takeDown } from '../../supervisor/takedown.ts';
import type { Context } from '../context.ts';
import { show } from '../output.ts';

export async function down(context: Context): Promise<void> {
  const changes: string[] = [];
  await using api = new ApiClient(context.instance);
  try {
    changes.push(...(await api.down()).changes);
  } catch (error) {
    if (!(error instanceof ShuntError && error.code === 'E_NOT_RUNNING')) throw error;
  }
  changes.push(...(await takeDown(context.instance)));
  show(context.output, { changes }, () => (changes.length === 0 ? 'nothing to remove' : changes.join('\n')));
}

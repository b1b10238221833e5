/** `shunt down`: removes everything of the instance, with or without a supervisor, with or without state files. */
import { existsSync } from 'node:fs';
import { ApiClient } from '../../api/client.ts';
import { ShuntError } from '../../errors.ts';
import { lockInstance } from '../../supervisor/lock.ts';
import { takeDown } from '../../supervisor/takedown.ts';
import type { Context } from '../context.ts';
import { show } from '../output.ts';

/** A supervisor that was told to end does so at once; one that hangs is named in the error. */
export const STOP_TIMEOUT_MS = 10_000;

export async function down(context: Context): Promise<void> {
  const changes: string[] = [];
  await using api = new ApiClient(context.instance);
  try {
    changes.push(...(await api.down()).changes);
  } catch (error) {
    if (!(error instanceof ShuntError && error.code === 'E_NOT_RUNNING')) throw error;
  }
  // The supervisor ends after its answer; what follows must not meet it.
  const known = existsSync(context.instance.runDir);
  using _lock = await lockInstance(context.instance, STOP_TIMEOUT_MS);
  changes.push(...(await takeDown(context.instance)).filter((change) => known || change !== '- state'));
  show(context.output, { changes }, () => (changes.length === 0 ? 'nothing to remove' : changes.join('\n')));
}

/** `shunt up`: makes the machine match the resources; starts the supervisor when none runs. */
import { ApiClient } from '../../api/client.ts';
import type { ApplyRequest, ApplyResult } from '../../api/types.ts';
import { loadResources } from '../../config/load.ts';
import type { Source } from '../../config/source.ts';
import { ShuntError } from '../../errors.ts';
import type { Instance } from '../../instance.ts';
import { lockInstance } from '../../supervisor/lock.ts';
import { spawnSupervisor } from '../../supervisor/spawn.ts';
import { readApplied } from '../../supervisor/state.ts';
import { takeDown } from '../../supervisor/takedown.ts';
import type { Context } from '../context.ts';
import { show } from '../output.ts';
import { STOP_TIMEOUT_MS } from './down.ts';
import { supervise } from './supervise.ts';

export interface UpOptions {
  readonly file: readonly string[];
  readonly foreground?: boolean;
}

export async function up(context: Context, options: UpOptions): Promise<void> {
  const { sources } = loadResources(options.file);
  if (options.foreground) {
    await supervise(context, sources).catch(async (error: unknown) => {
      if (!isLocked(error)) await leaveNothing(context.instance).catch(() => undefined);
      throw error;
    });
    return;
  }
  await using api = new ApiClient(context.instance);
  const fresh = !(await isRunning(api));
  let firstUp = false;
  if (fresh) firstUp = (await spawnSupervisor(context.instance)).fresh;
  let result: ApplyResult;
  try {
    result = await api.apply(requestOf(sources));
  } catch (error) {
    // An instance that was never up has no old state to keep: leave the machine as it was before the command.
    if (firstUp) await undo(api, context.instance).catch(() => undefined);
    throw error;
  }
  show(context.output, result, ({ changes }) => {
    const summary = changes.length === 0 ? 'no change' : changes.join('\n');
    return fresh ? `${summary}\nsupervisor started; see: shunt --instance ${context.instance.name} status` : summary;
  });
}

/** Unless another command's resources were applied meanwhile. */
async function undo(api: ApiClient, instance: Instance): Promise<void> {
  try {
    await api.down({ unlessApplied: true });
  } catch (error) {
    if (error instanceof ShuntError && error.code === 'E_USAGE') return;
  }
  await leaveNothing(instance);
}

/** Of an instance that was never up. */
async function leaveNothing(instance: Instance): Promise<void> {
  using _lock = await lockInstance(instance, STOP_TIMEOUT_MS);
  if (readApplied(instance) === undefined) await takeDown(instance);
}

function isLocked(error: unknown): boolean {
  return error instanceof ShuntError && error.code === 'E_LOCKED';
}

/** The resources as the API takes them. They were parsed already, so they are UTF-8. */
export function requestOf(sources: readonly Source[]): ApplyRequest {
  return { sources: sources.map(({ file, text }) => ({ file, text: Buffer.from(text).toString('utf8') })) };
}

async function isRunning(api: ApiClient): Promise<boolean> {
  try {
    await api.status();
    return true;
  } catch (error) {
    if (error instanceof ShuntError && error.code === 'E_NOT_RUNNING') return false;
    throw error;
  }
}

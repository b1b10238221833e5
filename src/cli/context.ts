/** What every command gets: the instance it is about and how to print. */
import { ApiClient } from '../api/client.ts';
import { type Instance, instance } from '../instance.ts';
import type { OutputFormat } from './output.ts';

export interface GlobalOptions {
  readonly instance: string;
  readonly output: OutputFormat;
}

export interface Context {
  readonly instance: Instance;
  readonly output: OutputFormat;
}

/**
 * `instance` throws when it is asked for, E_USAGE for a bad name, E_NEEDS without cgroup v2: what is about no instance
 * (`shunt filters`) works on any machine.
 */
export function context(options: GlobalOptions): Context {
  return {
    get instance() {
      return instance(options.instance);
    },
    output: options.output,
  };
}

/** Runs `use` with a client of the instance's supervisor and closes it. */
export async function withApi<T>(inst: Instance, use: (api: ApiClient) => Promise<T>): Promise<T> {
  await using api = new ApiClient(inst);
  return await use(api);
}

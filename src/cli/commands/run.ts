/** `shunt run`: any program as an ad-hoc workload of the mesh, on the caller's terminal. */
import { constants } from 'node:os';
import { runForeground } from '../../workload/foreground.ts';
import { type Context, withApi } from '../context.ts';
import { printError } from '../output.ts';

export interface RunOptions {
  readonly name?: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly label: Readonly<Record<string, string>>;
  readonly user?: string;
}

/** Resolves to the command's exit status; 128 + signal when a signal ended it, as shells report it. */
export async function run(context: Context, command: readonly string[], options: RunOptions): Promise<number> {
  const name = options.name ?? `run-${process.pid}`;
  return await withApi(context.instance, async (api) => {
    const { key, splice } = await api.addAdHoc({
      name,
      namespace: options.namespace,
      serviceAccount: options.serviceAccount,
      labels: options.label,
      command,
    });
    try {
      const exit = await runForeground(context.instance, key, {
        command,
        splice,
        cwd: process.cwd(),
        // Another user gets an environment of its own: the caller's HOME and USER would be wrong.
        ...(options.user === undefined ? { env: process.env as Record<string, string> } : { user: options.user }),
      });
      return exit.code ?? 128 + (constants.signals[exit.signal ?? 'SIGKILL'] ?? 0);
    } finally {
      // The status of the command is the answer, also when the supervisor ended meanwhile.
      await api.removeAdHoc(key).catch((error: Error) => {
        printError(`shunt: workload ${key} is left to the next supervisor: ${error.message}`);
      });
    }
  });
}

/** Finds the program of a command before anything is started, so that a wrong name is one clear error. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { ShuntError } from '../errors.ts';

/** Used where the environment has no PATH; Debian's for root. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Absolute path of the program: a name with a slash is taken from `cwd`, any other is looked up in `path`.
 * @throws E_WORKLOAD when there is no such executable file.
 */
export function findProgram(name: string, cwd: string, path: string = DEFAULT_PATH): string {
  if (name.includes('/')) {
    const program = resolve(cwd, name);
    if (isExecutable(program)) return program;
    throw new ShuntError('E_WORKLOAD', `program ${JSON.stringify(name)}: no executable file at ${program}`);
  }
  for (const directory of path.split(delimiter)) {
    // An empty entry means the current directory, as for execvp(3).
    const program = join(directory === '' ? cwd : resolve(cwd, directory), name);
    if (name !== '' && isExecutable(program)) return program;
  }
  throw new ShuntError('E_WORKLOAD', `program ${JSON.stringify(name)}: not found in PATH (${path})`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

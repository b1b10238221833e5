/** Runs a short-lived program (ip, nsenter, getent) to its end. Argument vectors only: nothing goes through a shell. */
import { execFile } from 'node:child_process';
import { ShuntError } from '../errors.ts';

export interface CommandOptions {
  /** Written to its standard input. Default: empty. */
  readonly input?: string;
}

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Waits for the program and returns what it said, whatever its exit status.
 * @throws E_COMMAND when it cannot be started or was killed by a signal.
 */
export function tryCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === 'number') resolve({ status, stdout, stderr });
      else reject(new ShuntError('E_COMMAND', `${program}: ${reasonOf(error)}`, { cause: error }));
    });
    // A program that does not read its input closes the pipe; its exit status tells more than EPIPE would.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** As {@link tryCommand}, but returns standard output. @throws E_COMMAND with the last line of stderr when it fails. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await tryCommand(program, args, options);
  if (status === 0) return stdout;
  // `ip -batch` ends with "Command failed -:LINE"; the reason is in the line before.
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Command failed'));
  throw new ShuntError('E_COMMAND', `${[program, ...args].join(' ')}: ${lines.at(-1) ?? `exit status ${status}`}`);
}

function reasonOf(error: Error | null): string {
  if ((error as NodeJS.ErrnoException | null)?.code === 'ENOENT') return 'not found in PATH; install it';
  return error?.message ?? 'unknown';
}

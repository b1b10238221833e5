/** Runs the command line. */
import { CommanderError } from 'commander';
import { ShuntError } from '../errors.ts';
import { EXIT, fail } from './output.ts';
import { program, result } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  const cause = new ShuntError('E_SYSCALL', `standard output: ${error.message}`, { cause: error });
  process.exit(fail(cause, result.output));
});
// Nobody is left to be told. A supervisor outlives whoever read its log, and a full disk.
process.stderr.on('error', () => undefined);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    result.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    result.exitCode = fail(error, result.output);
  }
}
process.exitCode = result.exitCode;

/** Runs the command line. */
import { CommanderError } from 'commander';
import { EXIT, fail } from './output.ts';
import { program, result } from './program.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

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

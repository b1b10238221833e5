/** Writes docs/cli.md from the commands' own help, so that the two cannot differ. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { cliDocs } from '../src/cli/docs.ts';

writeFileSync(resolve(import.meta.dirname, '../docs/cli.md'), cliDocs());

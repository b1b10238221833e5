import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { cliDocs } from '../../../src/cli/docs.ts';

it('docs/cli.md is the help of the commands', () => {
  const committed = readFileSync(resolve(import.meta.dirname, '../../../docs/cli.md'), 'utf8');
  expect(committed, 'run: node scripts/generate-cli-docs.ts').toBe(cliDocs());
});

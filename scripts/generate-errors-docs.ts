/** Writes docs/errors.md from the table in src/errors.ts. `--check` exits 1 when the file differs, and writes nothing. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../src/errors.ts';

const path = join(import.meta.dirname, '../docs/errors.md');

/** The text of docs/errors.md. */
export function errorsPage(codes: Readonly<Record<string, string>> = ERROR_CODES): string {
  const sections = Object.entries(codes).map(([code, meaning]) => `## ${code}\n\n${meaning}\n`);
  return `<!-- Generated from src/errors.ts by scripts/generate-errors-docs.ts; do not edit. -->

# Errors

Every error that shunt raises on purpose has one of these codes. The code is stable: scripts may match on it. On the
command line it comes before the message, and in JSON output it is the field \`code\`.

${sections.join('\n')}`;
}

if (import.meta.main) {
  if (!process.argv.includes('--check')) {
    writeFileSync(path, errorsPage());
  } else if (readFileSync(path, 'utf8') !== errorsPage()) {
    console.error('docs/errors.md is not what src/errors.ts says; run: node scripts/generate-errors-docs.ts');
    process.exitCode = 1;
  }
}

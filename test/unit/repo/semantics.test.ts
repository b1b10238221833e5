import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { semanticsPage } from '../../../scripts/generate-semantics-docs.ts';
import { PARTS } from '../../kernel/semantics/cases.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/semantics.md'), 'utf8');

describe('docs/semantics.md', () => {
  it('is what the table of cases generates', () => {
    expect(page).toBe(semanticsPage());
  });

  it('would differ if a difference went away', () => {
    const without = PARTS.map((part) => ({ ...part, cases: part.cases.map(({ differs: _, ...rest }) => rest) }));
    expect(semanticsPage(without)).not.toBe(page);
  });
});

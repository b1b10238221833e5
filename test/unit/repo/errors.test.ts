import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorsPage } from '../../../scripts/generate-errors-docs.ts';
import { ERROR_CODES } from '../../../src/errors.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const codes = Object.keys(ERROR_CODES);

/** Codes that the sources mention in quotes -> the files that do. The table itself does not count. */
function mentioned(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const file of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file === 'errors.ts') continue;
    for (const [, code] of readFileSync(join(root, 'src', file), 'utf8').matchAll(/['"`](E_[A-Z0-9_]+)['"`]/g)) {
      if (code !== undefined) found.set(code, [...(found.get(code) ?? []), file]);
    }
  }
  return found;
}

describe('docs/errors.md', () => {
  it('is what the table in src/errors.ts generates', () => {
    expect(page).toBe(errorsPage());
  });

  it('has a section for each code and no other', () => {
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual(codes);
  });

  it('would differ after any change of the table', () => {
    expect(errorsPage({ ...ERROR_CODES, E_NEW: 'A new kind.' })).not.toBe(page);
    expect(errorsPage({ ...ERROR_CODES, E_USAGE: 'Another meaning.' })).not.toBe(page);
  });
});

describe('the table of codes', () => {
  it('has no code that nothing raises', () => {
    const used = mentioned();
    expect(codes.filter((code) => !used.has(code))).toEqual([]);
  });

  it('has every code that the sources mention', () => {
    expect([...mentioned()].filter(([code]) => !codes.includes(code))).toEqual([]);
  });

  it('says in whole sentences what happened', () => {
    expect(Object.values(ERROR_CODES).filter((meaning) => !/^[A-Z].*\.$/.test(meaning))).toEqual([]);
  });
});

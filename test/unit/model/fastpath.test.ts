import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { Outcome } from '../../../src/generated/abi.ts';
import { type Case, HOLDS, REMAINS, run, WITHOUT } from './cases.ts';
import { PAGE, page } from './document.ts';
import { READS } from './sender.ts';

/** More messages than in the committed page, for a longer search: minutes from 5 on. */
const EXTRA_MESSAGES = Number(process.env.SHUNT_MODEL_EXTRA_MESSAGES ?? 0);
const REFUSED = /not known to be greedy|says never/;
const LONG_MS = 20_000 + EXTRA_MESSAGES * 600_000;

/** Of the code as it is, up to the first counterexample. */
function outcomesOf(cases: readonly Case[]): Set<string> {
  const names = cases.flatMap((tried) => [...run(tried, {}).names]);
  return new Set(names.flatMap((name) => /outcome ([A-Z_]+)/.exec(name)?.[1] ?? []));
}

describe('the fast path keeps order, bytes, wake-ups and bounds when the reader is', () => {
  it.each(HOLDS)('$name', { timeout: LONG_MS }, (tried) => {
    expect(run(tried, {}, tried.scenario.messages + EXTRA_MESSAGES).counterexample).toBeUndefined();
  });
});

describe('finds what happens without a rule:', () => {
  it.each(WITHOUT)('$rule: $name', (tried) => {
    expect(run(tried).counterexample).toBeUndefined();
    expect(run(tried, { ...tried.rules, [tried.rule]: false }).counterexample?.invariant).toBe(tried.breaks);
  });
});

describe('finds what the code does not keep:', () => {
  it.each(REMAINS)('$rule: $name', (tried) => {
    expect(run(tried).counterexample?.invariant).toBe(tried.breaks);
  });
});

describe('the model and the code', () => {
  test('have the same outcomes', () => {
    const known = Object.keys(Outcome).filter((name) => name !== 'COUNT');
    expect([...outcomesOf([...HOLDS, ...WITHOUT])].sort()).toEqual(known.sort());
  });

  test('ask in the same order', () => {
    const include = join(import.meta.dirname, '../../../bpf/include');
    const source = ['fastpath_message.h', 'fastpath_standing.h']
      .map((name) => readFileSync(join(include, name), 'utf8'))
      .join('\n');
    const body = (name: string): string =>
      source.split(new RegExp(`${name}\\((?:const )?struct`))[1]?.split('\n}\n')[0] ?? '';
    const asked = body('message_outcome')
      .replace('standing_renew(', body('standing_find'))
      .replace('reader_outcome(', body('reader_outcome'));
    const outcomes = [...asked.matchAll(/SHUNT_OUTCOME_([A-Z_]+)/g)].map(([, name]) => name!);
    const refusals = outcomes.filter((name) => name !== 'REDIRECTED' && name !== 'FAILED');
    expect([...new Set(READS.flatMap(([, names]) => names))].filter((name) => name !== 'FAILED')).toEqual([
      ...new Set(refusals),
    ]);
  });

  test('redirect to a reader that is not refused', () => {
    for (const tried of HOLDS.filter(({ name }) => !REFUSED.test(name))) {
      expect(outcomesOf([tried]), tried.name).toContain('REDIRECTED');
    }
  });

  test('redirect nothing to a reader that is refused', () => {
    for (const tried of HOLDS.filter(({ name }) => REFUSED.test(name))) {
      expect(outcomesOf([tried]), tried.name).not.toContain('REDIRECTED');
    }
  });

  test('agree with docs/fastpath-model.md; if not: node test/unit/model/document.ts', () => {
    expect(readFileSync(PAGE, 'utf8')).toBe(page());
  });
});

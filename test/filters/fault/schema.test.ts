import { expect, test } from 'vitest';
import { schemaOf } from '../support/schema.ts';
import { cases, refused } from './cases.ts';

const problem = schemaOf('fault');

test.each(cases)('takes what the filter takes: $name', ({ configuration }) => {
  expect(problem(configuration)).toBe('');
});

test('takes the switch', () => {
  expect(problem({ switch: true })).toBe('');
});

/** What JSON and the schema's language cannot see. */
const FILTER_ONLY = ['nothing', 'text behind the end', 'too small a share', 'a key twice', 'two rules of one name'];

test.each(refused.filter(([what]) => !FILTER_ONLY.includes(what)))('refuses what the filter refuses: %s', (_, text) => {
  expect(problem(JSON.parse(text))).not.toBe('');
});

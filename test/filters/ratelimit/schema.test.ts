import { expect, test } from 'vitest';
import { schemaOf } from '../support/schema.ts';
import { cases, refused } from './cases.ts';

const problem = schemaOf('ratelimit');

test.each(cases)('takes what the filter takes: $name', ({ configuration }) => {
  expect(problem(configuration)).toBe('');
});

/** What JSON and the schema's language cannot see. */
const FILTER_ONLY = [
  'nothing',
  'text behind the end',
  'a key twice',
  'two rules of one name',
  'a bucket that takes months to fill',
  'a bucket that takes longer than a number can say',
  'requests in powers of ten',
];

test.each(refused.filter(([what]) => !FILTER_ONLY.includes(what)))('refuses what the filter refuses: %s', (_, text) => {
  expect(problem(JSON.parse(text))).not.toBe('');
});

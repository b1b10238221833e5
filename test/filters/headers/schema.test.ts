import { expect, test } from 'vitest';
import { schemaOf } from '../support/schema.ts';
import { cases, refused } from './cases.ts';

const problem = schemaOf('headers');

test.each(cases)('takes what the filter takes: $where: $name', ({ configuration }) => {
  expect(problem(configuration)).toBe('');
});

/** What JSON and the schema's language cannot see. */
const FILTER_ONLY = [
  'nothing',
  'no JSON',
  'text behind the end',
  'an edit twice',
  'a header twice',
  'a path with nothing between dots',
  'a path that ends with a dot',
  'an open bracket',
  'text behind a bracket',
];

test.each(refused.filter(([what]) => !FILTER_ONLY.includes(what)))('refuses what the filter refuses: %s', (_, text) => {
  expect(problem(JSON.parse(text))).not.toBe('');
});

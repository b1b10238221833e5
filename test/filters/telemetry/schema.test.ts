import { expect, test } from 'vitest';
import { schemaOf } from '../support/schema.ts';
import { configuration, refused } from './cases.ts';

const problem = schemaOf('telemetry');

test('takes what the filter takes', () => {
  expect(problem({ ...configuration, maxSeries: 20_000 })).toBe('');
});

/** What JSON and the schema's language cannot see. */
const FILTER_ONLY = ['nothing', 'text behind the end', 'a label twice'];
const visible = refused.filter(([what, , message]) => !FILTER_ONLY.includes(what) && !message.includes('taken for'));

test.each(visible)('refuses what the filter refuses: %s', (_, text) => {
  expect(problem(JSON.parse(text))).not.toBe('');
});

import { expect, test } from 'vitest';
import { schemaOf } from '../support/schema.ts';
import { good, refused } from './bad-configurations.ts';
import { configuration } from './cases.ts';

const problem = schemaOf('authz');

/** undefined: no JSON. */
function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

test('takes what the filter takes', () => {
  expect(problem(configuration())).toBe('');
  expect(problem(good)).toBe('');
  expect(problem({ identity: 'mtls', sources: {}, destinations: {}, policies: [] })).toBe('');
});

test.each([
  '/{*}',
  '/{**}',
  '/a/{*}/b/{*}',
  '/a/{**}/b/c',
  '/{*}/{**}/z',
  '/a/{*}/',
  '/%41/{*}',
  "/!$&'()+,;:@=-._~/{*}",
])('takes the template %s', (path) =>
  expect(problem({ ...good, policies: [{ ...good.policies[1], rules: [{ to: [{ paths: [path] }] }] }] })).toBe(''),
);

/** What the schema's language cannot see. */
const FILTER_ONLY = [
  'a policy that is not there',
  'an index without policies',
  'a name twice',
  'port 65536',
  'a key twice',
  'a key twice in another spelling',
  'a source twice',
  'half a surrogate',
  'a port with an exponent',
  'an address of IPv6 with two gaps',
  'an address of IPv6 with a group too many',
  'an address of IPv6 that ends in a colon',
];

const visible = refused.filter(([what, text]) => parsed(text) !== undefined && !FILTER_ONLY.includes(what));

test.each(visible)('refuses what the filter refuses: %s', (_, text) => {
  expect(problem(parsed(text)?.value)).not.toBe('');
});

test('is asked about most of the bad configurations', () => {
  expect(visible.length).toBeGreaterThan(100);
});

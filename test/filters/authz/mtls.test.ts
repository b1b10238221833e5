import { describe, expect, test } from 'vitest';
import type { AuthzConfiguration, AuthzRule } from '../../../src/policy/l7.ts';
import { ask, load } from '../support/authz.ts';

/** One ALLOW policy with these rules before the cluster `c`. */
function configuration(...rules: AuthzRule[]): AuthzConfiguration {
  return {
    identity: 'mtls',
    sources: {},
    destinations: { c: { port: 8080, policies: [0] } },
    policies: [{ name: 'default/p', action: 'ALLOW', rules }],
  };
}

const WEB = 'spiffe://cluster.local/ns/shop/sa/web';
const get = { cluster: 'c', method: 'GET', path: '/' };

describe('the caller is who the certificate says', () => {
  const principal = load(configuration({ from: [{ principals: ['cluster.local/ns/shop/sa/web'] }] }));
  const namespace = load(configuration({ from: [{ namespaces: ['shop'] }] }));
  const anyone = load(configuration({ from: [{ principals: ['*'] }] }));
  const inside = load(configuration({ from: [{ namespaces: ['*'] }] }));

  test.each<[certificate: string | undefined, byPrincipal: boolean, byNamespace: boolean, any: boolean, some: boolean]>(
    [
      [WEB, true, true, true, true],
      ['spiffe://cluster.local/ns/shop/sa/api', false, true, true, true],
      ['spiffe://other.example/ns/shop/sa/web', false, true, true, true],
      ['spiffe://cluster.local/ns/shopping/sa/web', false, false, true, true],
      ['spiffe://cluster.local/ns/shop', false, false, true, false],
      ['spiffe://cluster.local/ns//sa/web', false, false, true, false],
      ['spiffe://cluster.local/x/ns/shop/sa/web', false, false, true, false],
      ['spiffe://ns/shop/sa/web', false, false, true, false],
      ['spiffe://cluster.local', false, false, true, false],
      ['spiffe://', false, false, false, false],
      [`x${WEB}`, false, false, false, false],
      ['https://cluster.local/ns/shop/sa/web', false, false, false, false],
      ['cluster.local/ns/shop/sa/web', false, false, false, false],
      ['', false, false, false, false],
      [undefined, false, false, false, false],
    ],
  )('%s', (certificate, byPrincipal, byNamespace, any, some) => {
    const request = { ...get, ...(certificate === undefined ? {} : { certificate }) };
    const allowed = [principal, namespace, anyone, inside].map((plugin) => ask(plugin, request).allowed);
    expect(allowed).toEqual([byPrincipal, byNamespace, any, some]);
  });

  test('and never who the listener says', () => {
    expect(ask(principal, { ...get, source: 'cluster.local/ns/shop/sa/web' }).allowed).toBe(false);
    const listener = load({ ...configuration({}), identity: 'listener' });
    expect(ask(listener, { ...get, certificate: WEB }).reply?.details).toBe('shunt_denied[unknown-source]');
  });
});

test('without certificate, rules that do not ask for the caller decide', () => {
  const plugin = load(configuration({ to: [{ paths: ['/health'] }] }));
  expect(ask(plugin, { ...get, path: '/health' }).allowed).toBe(true);
  expect(ask(plugin, get).reply?.details).toBe('shunt_denied[none]');
});

test('an identity that is longer than a SPIFFE ID may be is denied, whatever the policy', () => {
  const plugin = load(configuration({}));
  const longest = WEB.padEnd(2048, 'x');
  expect(ask(plugin, { ...get, certificate: longest }).allowed).toBe(true);
  expect(ask(plugin, { ...get, certificate: `${longest}x` }).reply?.details).toBe('shunt_denied[unknown-source]');
});

test('more callers than are kept get the same verdicts, in the memory of those that are', () => {
  const plugin = load(configuration({ from: [{ principals: ['*7'] }], to: [{ methods: ['GET'] }] }));
  const round = (first: number): void => {
    for (let i = first; i < first + 3000; i++) {
      const { allowed } = ask(plugin, { ...get, certificate: `spiffe://cluster.local/ns/shop/sa/w${i}` });
      if (allowed !== (i % 10 === 7)) throw new Error(`caller ${i}: ${allowed}`);
    }
  };
  round(0);
  round(3000);
  const { pages } = plugin.vm().memory;
  for (let i = 2; i < 7; i++) round(i * 3000);
  expect(plugin.vm().memory.pages).toBe(pages);
});

test.each([
  [
    'sources beside it',
    { sources: { a: { principal: 'p', namespace: 'n' } } },
    'sources: callers are in certificates; expected {}',
  ],
  ['another word', { identity: 'jwt' }, 'identity: expected one of mtls, listener'],
  ['a list', { identity: [] }, 'identity: expected a string'],
])('refuses %s', (_, change, message) => {
  expect(() => load({ ...configuration({}), ...change })).toThrow(message);
});

/** Addresses: how they are read, where they come from, and what happens where nobody says them. */
import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { ConfigurationRefused } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { inBlock } from '../../../src/policy/facts.ts';
import type { AuthzRule } from '../../../src/policy/l7.ts';
import { ask, load, newHost } from '../support/authz.ts';

/** ALLOW of what the rules say, and a DENY of the path /denied. */
function guarded(rules: AuthzRule[], address?: string) {
  return {
    sources: { a: { principal: 'p', namespace: 'n', ...(address === undefined ? {} : { address }) } },
    destinations: { c: { port: 1, policies: [0, 1] } },
    policies: [
      { name: 'allow', action: 'ALLOW', rules },
      { name: 'deny', action: 'DENY', rules: [{ to: [{ paths: ['/denied'] }] }] },
    ],
  };
}

const get = { source: 'a', cluster: 'c', method: 'GET', path: '/' };

describe('the peer of a connection that nobody names', () => {
  const asksPeer = load(guarded([{ from: [{ ipBlocks: ['127.0.0.1'] }] }]));
  const asksNotPeer = load(guarded([{ from: [{ notIpBlocks: ['10.0.0.0/8'] }] }]));

  test('denies what a rule asks for it, also with not', () => {
    for (const plugin of [asksPeer, asksNotPeer]) {
      expect(ask(plugin, get)).toMatchObject({ allowed: false, reply: { details: 'shunt_denied[unknown-address]' } });
      expect(ask(plugin, { ...get, peer: '' }).reply?.details).toBe('shunt_denied[unknown-address]');
      expect(ask(plugin, { ...get, peer: '/run/x.sock' }).reply?.details).toBe('shunt_denied[unknown-address]');
      expect(ask(plugin, { ...get, remote: '127.0.0.1' }).reply?.details).toBe('shunt_denied[unknown-address]');
      expect(ask(plugin, { ...get, peer: '127.0.0.1' }).allowed).toBe(true);
    }
  });

  test('does not where no rule asks for it', () => {
    const plugin = load(guarded([{ to: [{ methods: ['GET'] }] }, { from: [{ ipBlocks: ['::1'] }] }]));
    expect(ask(plugin, get).allowed).toBe(true);
    expect(ask(plugin, { ...get, method: 'PUT' }).reply?.details).toBe('shunt_denied[unknown-address]');
  });

  test('does not where only an audit or a dry run asks for it', () => {
    const rules = [{ from: [{ ipBlocks: ['::1'] }] }];
    const plugin = load({
      sources: { a: { principal: 'p', namespace: 'n' } },
      destinations: { c: { port: 1, policies: [0, 1] } },
      policies: [
        { name: 'audit', action: 'AUDIT', rules },
        { name: 'dry', action: 'ALLOW', dryRun: true, rules },
      ],
    });
    expect(ask(plugin, get).allowed).toBe(true);
  });
});

describe('whom a request is from', () => {
  const rule = (block: string) => load(guarded([{ from: [{ remoteIpBlocks: [block] }] }], '10.0.0.9'));

  test.each([
    ['192.0.2.1', '192.0.2.1', true],
    ['[2001:db8::1]', '2001:db8::/32', true],
    ['[::ffff:192.0.2.1]', '192.0.2.1', false],
    ['[::ffff:192.0.2.1]', '::ffff:192.0.2.0/120', true],
    ['[fe80::1%eth0]', 'fe80::/10', true],
    // a captured connection comes over loopback
    ['127.0.0.1', '10.0.0.9', true],
    ['127.1.2.3', '10.0.0.9', true],
    ['127.0.0.1', '127.0.0.1', false],
    ['[::1]', '::1', true],
  ])('%s is in %s: %s', (remote, block, allowed) => {
    expect(ask(rule(block), { ...get, remote }).allowed).toBe(allowed);
  });

  test('is nobody behind a unix socket: no block matches, and every not', () => {
    const socket = { ...get, remote: '/run/client.sock' };
    expect(ask(rule('0.0.0.0/0'), socket).allowed).toBe(false);
    expect(ask(load(guarded([{ from: [{ notRemoteIpBlocks: ['0.0.0.0/0'] }] }])), socket).allowed).toBe(true);
  });
});

/** Text that is often nearly an address. */
const nearly = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc
    .array(fc.constantFrom('0', '1', '255', '256', '01', 'a', 'ffff', '10000', ':', '::', '.', ''), { maxLength: 17 })
    .map((parts) => parts.join('')),
  fc
    .array(fc.constantFrom('0', '1', '25', '255', '256', '00', 'x', ''), { minLength: 3, maxLength: 5 })
    .map((parts) => parts.join('.')),
  fc
    .array(fc.constantFrom('0', 'a', 'ffff', '12345', 'g', ''), { minLength: 6, maxLength: 9 })
    .map((parts) => parts.join(':')),
  fc
    .tuple(fc.constantFrom('::', '::ffff:', '1:2:3:4:5:6:', '1:2:3:4:5:6:7:', '1::'), fc.ipV4())
    .map((parts) => parts.join('')),
);

test('takes as an address what Node takes', () => {
  const host = newHost();
  let taken = 0;
  fc.assert(
    fc.property(nearly, (text) => {
      const expected = isIPv4(text) || (isIPv6(text) && !text.includes('%'));
      let accepted = true;
      try {
        load(guarded([{ from: [{ ipBlocks: [text] }] }]), host).remove();
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigurationRefused);
        accepted = false;
      }
      expect(accepted, text).toBe(expected);
      if (accepted) taken++;
    }),
    { numRuns: 3000 },
  );
  expect(taken).toBeGreaterThan(300);
});

test('finds addresses in networks as Node does', () => {
  let found = 0;
  const pair = fc.oneof(
    fc.tuple(fc.nat(32), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.nat(33)).map(([bits, number, flip]) => {
      const other = flip > 31 ? number : (number ^ (1 << flip)) >>> 0;
      return { block: `${dotted(number)}/${bits}`, address: dotted(other) };
    }),
    fc.tuple(fc.nat(128), fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.nat(129)).map(([bits, number, flip]) => {
      const other = flip > 127 ? number : number ^ (1n << BigInt(flip));
      return { block: `${groups(number)}/${bits}`, address: groups(other) };
    }),
  );
  fc.assert(
    fc.property(pair, ({ block, address }) => {
      const plugin = load(guarded([{ from: [{ ipBlocks: [block] }] }]));
      const { allowed } = ask(plugin, { ...get, peer: address });
      expect(allowed, `${address} in ${block}`).toBe(inBlock(block, address));
      if (allowed) found++;
    }),
    { numRuns: 1500 },
  );
  expect(found).toBeGreaterThan(150);
});

function dotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}

function groups(number: bigint): string {
  return [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => ((number >> shift) & 0xffffn).toString(16)).join(':');
}

import { Host } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { loadInto, survivesDamage } from '../support/filter.ts';
import { ask } from './ask.ts';
import { cases, refused } from './cases.ts';

describe('every case of cases.yaml in the Node host', () => {
  test.each(cases)('$name', ({ configuration, requests }) => {
    const host = new Host({ workers: 2 });
    const plugin = loadInto(host, 'ratelimit', configuration);
    requests.forEach(({ outcome, ...request }, index) => {
      const { admitted, reply } = ask(plugin, { ...request, worker: index % 2 });
      expect(admitted ? 'ok' : reply?.details, `request ${index}`).toBe(
        outcome === 'ok' ? 'ok' : `shunt_ratelimited[${outcome}]`,
      );
      if (!admitted) expect(reply).toMatchObject({ status: 429, body: 'rate limit exceeded', grpcStatus: 8 });
    });
  });
});

/** Ten at once, then one every 100 ms. */
const steady = { name: 'steady', rules: [{ name: 'r', requests: 10, perSeconds: 1 }] };

describe('a bucket', () => {
  test('fills by the time that has passed, not by ticks or requests', () => {
    const host = new Host();
    const plugin = loadInto(host, 'ratelimit', steady);
    const admitted = (): number => Array.from({ length: 30 }, () => ask(plugin)).filter((o) => o.admitted).length;
    expect(admitted()).toBe(10);
    host.clock.advance(99);
    expect(admitted()).toBe(0);
    host.clock.advance(1);
    expect(admitted()).toBe(1);
    host.clock.advance(350);
    expect(admitted()).toBe(3);
    host.clock.advance(50);
    expect(admitted()).toBe(1);
    host.clock.advance(3_600_000);
    expect(admitted()).toBe(10);
  });

  test('never fills faster than a rate that does not divide a second', () => {
    const host = new Host();
    const plugin = loadInto(host, 'ratelimit', {
      name: 'odd',
      rules: [{ name: 'r', requests: 7, perSeconds: 3, burst: 2 }],
    });
    let admitted = 0;
    for (let ms = 0; ms < 60_000; ms++) {
      if (ask(plugin).admitted) admitted++;
      expect(admitted).toBeLessThanOrEqual(2 + (7 * ms) / 3000);
      host.clock.advance(1);
    }
    expect(admitted).toBeGreaterThanOrEqual(2 + (7 * 60_000) / 3000 - 2);
  });

  test('survives a reload, and its configuration’s removal from one listener', () => {
    const host = new Host();
    const first = loadInto(host, 'ratelimit', steady);
    for (let i = 0; i < 10; i++) expect(ask(first).admitted).toBe(true);
    const second = loadInto(host, 'ratelimit', steady);
    expect(ask(second).admitted).toBe(false);
    first.remove();
    expect(ask(second).admitted).toBe(false);
  });

  test('is a new one when its numbers change, or under another vm_id', () => {
    const host = new Host();
    for (let i = 0; i < 11; i++) ask(loadInto(host, 'ratelimit', steady));
    const rules = [{ name: 'r', requests: 10, perSeconds: 1, burst: 5 }];
    expect(ask(loadInto(host, 'ratelimit', { ...steady, rules })).admitted).toBe(true);
    expect(ask(loadInto(host, 'ratelimit', steady, 'other')).admitted).toBe(true);
    expect(ask(loadInto(host, 'ratelimit', steady)).admitted).toBe(false);
  });

  test('counts as just emptied when the clock is set back, by however much', () => {
    for (const backMs of [50, 10_000, 400 * 86_400_000]) {
      const host = new Host();
      const plugin = loadInto(host, 'ratelimit', steady);
      for (let i = 0; i < 10; i++) ask(plugin);
      host.clock.advance(-backMs);
      expect(ask(plugin).admitted).toBe(false);
      host.clock.advance(2000);
      expect(ask(plugin).admitted).toBe(true);
    }
  });
});

describe('the address of a caller', () => {
  const plugin = loadInto(new Host(), 'ratelimit', {
    name: 'addresses',
    rules: [{ name: 'r', by: ['remoteAddress'], requests: 1, perSeconds: 60 }],
  });

  test.each([
    ['10.0.0.1:1', '10.0.0.1:2', '10.0.0.2:1'],
    ['[fd00::1]:1', '[fd00::1]:2', '[fd00::12]:1'],
    ['/run/a.sock', '/run/a.sock', '/run/b.sock'],
  ])('%s is that of %s and not of %s', (first, same, other) => {
    expect(ask(plugin, { address: first }).admitted).toBe(true);
    expect(ask(plugin, { address: same }).admitted).toBe(false);
    expect(ask(plugin, { address: other }).admitted).toBe(true);
  });
});

describe('headers of answers', () => {
  const rules = [
    { name: 'wide', requests: 100, perSeconds: 1 },
    { name: 'narrow', requests: 2, perSeconds: 10, burst: 3 },
  ];

  test('say of a limited request when to come again', () => {
    const host = new Host();
    const plugin = loadInto(host, 'ratelimit', { name: 'n', rules });
    expect(ask(plugin).headers).toEqual({});
    ask(plugin);
    ask(plugin);
    expect(ask(plugin).headers).toEqual({
      'retry-after': '5',
      'x-ratelimit-limit': '3',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '15',
    });
    host.clock.advance(4_001);
    expect(ask(plugin).headers).toMatchObject({ 'retry-after': '1', 'x-ratelimit-reset': '11' });
  });

  test('who waits for retry-after is admitted', () => {
    const host = new Host();
    const plugin = loadInto(host, 'ratelimit', { name: 'n', rules });
    for (let i = 0; i < 50; i++) {
      const { admitted, headers } = ask(plugin);
      if (admitted) continue;
      host.clock.advance(Number(headers['retry-after']) * 1000);
      expect(ask(plugin).admitted).toBe(true);
    }
  });

  test('say of an admitted one, where that is asked for, what is left of the narrowest bucket', () => {
    const plugin = loadInto(new Host(), 'ratelimit', { name: 'n', rules, responseHeaders: 'always' });
    const left = { 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '2', 'x-ratelimit-reset': '5' };
    expect(ask(plugin).headers).toEqual(left);
    expect(ask(plugin).headers).toMatchObject({ 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '10' });
  });
});

test('counts what each rule admits and limits', () => {
  const host = new Host();
  const plugin = loadInto(host, 'ratelimit', steady);
  for (let i = 0; i < 25; i++) ask(plugin);
  expect(host.metrics.value('shunt_ratelimit.steady.r.admitted')).toBe(10n);
  expect(host.metrics.value('shunt_ratelimit.steady.r.limited')).toBe(15n);
});

describe('a configuration that is refused', () => {
  test.each(refused)('%s', (_, text, message) => {
    const host = new Host();
    expect(() => loadInto(host, 'ratelimit', text)).toThrow();
    expect(host.logs).toEqual([{ level: 'error', message: `shunt.ratelimit: configuration refused: ${message}` }]);
  });

  test('or damaged anywhere never breaks the VM', () => {
    const match = { path: ['/a*'], 'header:x': ['*'] };
    const rule = { name: 'r', match, by: ['path', 'text:%{a|b}'], requests: 1, perSeconds: 1, burst: 5 };
    survivesDamage('ratelimit', { name: 'a', rules: [rule] });
  });
});

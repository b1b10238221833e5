import { Host } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { loadInto, survivesDamage } from '../support/filter.ts';
import { cases, refused, relevant } from './cases.ts';

const properties = {
  'xds.cluster_name': 'echo',
  'xds.listener_metadata.filter_metadata.dotted.name.key': 'value of metadata',
  'request.method': 'GET',
  'request.headers.x-a': 'from a',
  'response.code': 200,
  'connection.mtls': false,
};

describe('every case of cases.yaml in the Node host', () => {
  test.each(cases)('$where: $name', ({ configuration, where, sent, expected }) => {
    const plugin = loadInto(new Host(), 'headers', configuration);
    using stream = plugin.http({ properties });
    const request = structuredClone(where === 'request' ? sent : []);
    const response = structuredClone(where === 'response' ? sent : []);
    expect(stream.requestHeaders(request)).toBe('continue');
    expect(stream.responseHeaders(response)).toBe('continue');
    expect(relevant(where === 'request' ? request : response)).toEqual(expected);
    expect(relevant(where === 'request' ? response : request)).toEqual([]);
    expect(plugin.vm().failure).toBeUndefined();
  });
});

describe('a property', () => {
  const plugin = loadInto(new Host(), 'headers', {
    request: { set: { 'x-a': '%{source.address|unfit}', 'x-b': '%{response.code|unfit}' } },
  });
  const set = (address: string | Uint8Array, code: number | Uint8Array) => {
    using stream = plugin.http({ properties: { 'source.address': address, 'response.code': code } });
    const headers: [string, string][] = [];
    stream.requestHeaders(headers);
    return relevant(headers).map(([, value]) => value);
  };

  test('with any control character counts as absent: it could end the header', () => {
    for (let byte = 0; byte < 256; byte++) {
      const control = byte < 0x20 || byte === 0x7f;
      const text = `a${String.fromCharCode(byte)}b`;
      expect(set(Buffer.from(text, 'latin1'), 1)[0]).toBe(control ? 'unfit' : text);
    }
  });

  test('that is empty counts as absent', () => {
    expect(set('', 1)[0]).toBe('unfit');
  });

  test('that should be a number and has not eight bytes counts as absent', () => {
    expect(set('a', Buffer.from([1, 2]))[1]).toBe('unfit');
    expect(set('a', -7)[1]).toBe('-7');
  });

  test('can be 200 kB long', () => {
    const long = 'x'.repeat(200_000);
    expect(set(long, 1)[0]).toBe(long);
  });
});

describe('a configuration that is refused', () => {
  test.each(refused)('%s', (_, text, message) => {
    const host = new Host();
    expect(() => loadInto(host, 'headers', text)).toThrow();
    expect(host.logs).toEqual([{ level: 'error', message: `shunt.headers: configuration refused: ${message}` }]);
  });

  test('or damaged anywhere never breaks the VM', () => {
    survivesDamage('headers', { request: { remove: ['x-a'], set: { 'x-b': '%{a[b.c].d|e}%%' } } });
  });
});

test('an exchange that is under way keeps its configuration when a new one comes', () => {
  const host = new Host();
  const old = loadInto(host, 'headers', { response: { set: { 'x-a': 'old' } } });
  using stream = old.http();
  stream.requestHeaders([]);
  loadInto(host, 'headers', { response: { set: { 'x-a': 'new' } } });
  old.remove();
  const headers: [string, string][] = [];
  stream.responseHeaders(headers);
  expect(headers).toEqual([['x-a', 'old']]);
});

test('memory stays flat over 100,000 exchanges', () => {
  const plugin = loadInto(new Host(), 'headers', {
    request: { set: { 'x-a': '%{xds.cluster_name} %{request.method|none}' }, append: { 'x-b': 'b' } },
    response: { add: { 'x-c': '%{response.code}' } },
  });
  const pages: number[] = [];
  for (let i = 1; i <= 100_000; i++) {
    using stream = plugin.http({ properties });
    stream.requestHeaders([['x-b', 'a']]);
    stream.responseHeaders([]);
    if (i % 20_000 === 0) pages.push(plugin.vm().memory.pages);
  }
  expect(new Set(pages).size, `pages ${pages.join()}`).toBe(1);
  expect(plugin.vm().contextCount).toBe(1);
});

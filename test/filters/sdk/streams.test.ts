import { describe, expect, test } from 'vitest';
import { answer, order, probe } from '../support/probe.ts';

const { plugin } = probe();

describe('headers', () => {
  test('come all at once, each value of a repeated name, bytes as they are', () => {
    using stream = plugin.http();
    const raw = Array.from({ length: 255 }, (_, byte) => String.fromCharCode(byte + 1)).join('');
    stream.requestHeaders([
      ['x-do', 'pairs'],
      ['a', '1'],
      ['a', '2'],
      ['empty', ''],
      ['a', '3'],
      ['ascii', '~'],
    ]);
    expect(stream.reply?.body).toBe('6\nx-do=pairs\na=1\na=2\nempty=\na=3\nascii=~\nsize 26 found no');
    using bytes = plugin.http();
    bytes.requestHeaders([
      ['x-do', 'first'],
      ['x-with', 'raw'],
      ['raw', raw],
    ]);
    expect(bytes.reply?.body.startsWith('present 255 ')).toBe(true);
    expect(plugin.vm().failure).toBeUndefined();
  });

  test('absent and empty are different', () => {
    using stream = plugin.http();
    stream.requestHeaders([
      ['x-do', 'first'],
      ['x-with', 'e'],
      ['e', ''],
    ]);
    expect(stream.reply?.body).toBe('present 0 ');
    expect(answer(plugin, 'first', 'nobody')).toBe('absent');
  });

  test('are added, set, removed; a map that is not there answers BadArgument', () => {
    using stream = plugin.http();
    stream.requestHeaders([
      ['x-do', 'edit'],
      ['x-many', '1'],
      ['x-set', 'a'],
      ['x-set', 'b'],
      ['x-gone', '1'],
      ['x-gone', '2'],
    ]);
    expect(stream.context.maps[0]).toEqual([
      ['x-do', 'edit'],
      ['x-many', '1'],
      ['x-many', '2'],
      ['x-set', 'new'],
      ['x-status', '2'],
    ]);
  });

  test('of responses and trailers have maps of their own', () => {
    using stream = order(plugin, 'edit-response');
    stream.requestTrailers([['t', '1']]);
    stream.responseHeaders([[':status', '200']]);
    stream.responseTrailers([
      ['x-secret', 's'],
      ['t', '2'],
    ]);
    expect(stream.context.maps[1]).toEqual([
      ['t', '1'],
      ['x-count', '1'],
    ]);
    expect(stream.context.maps[2]).toEqual([
      [':status', '200'],
      ['x-count', '1'],
    ]);
    expect(stream.context.maps[3]).toEqual([['t', '2']]);
  });

  test('a local reply carries headers', () => {
    using stream = order(plugin, 'time');
    expect(stream.reply).toMatchObject({ status: 200, headers: [['x-probe', 'yes']], grpcStatus: -1 });
  });
});

describe('bodies', () => {
  test('pass chunk by chunk', () => {
    using stream = order(plugin, 'nothing');
    expect(stream.requestBody('ab')).toBe('continue');
    expect(stream.requestBody('c', { endOfStream: true })).toBe('continue');
    expect(stream.forwardedRequestBody).toBe('abc');
  });

  test('are held until the end and replaced', () => {
    using stream = order(plugin, 'hold-body');
    expect(stream.requestBody('ab')).toBe('pause');
    expect(stream.requestBody('cd')).toBe('pause');
    expect(stream.requestBody('e', { endOfStream: true })).toBe('continue');
    expect(stream.forwardedRequestBody).toBe('[abcde]');
  });

  test('are spliced, prepended to, appended to', () => {
    using stream = order(plugin, 'splice-body');
    stream.requestBody('12345', { endOfStream: true });
    expect(stream.forwardedRequestBody).toBe('<1XYZ45>7');
  });

  test('are dropped', () => {
    using stream = order(plugin, 'drop-body');
    expect(stream.requestBody('12345')).toBe('pause');
    expect(stream.forwardedRequestBody).toBe('');
  });

  test('of responses are replaced', () => {
    using stream = order(plugin, 'edit-response');
    stream.responseBody('12345');
    expect(stream.forwardedResponseBody).toBe('5');
  });

  test('of a megabyte leave no memory behind', () => {
    const { plugin: own } = probe();
    const pages = [0, 1, 2, 3, 4].map(() => {
      using stream = order(own, 'hold-body');
      stream.requestBody('x'.repeat(1 << 20), { endOfStream: true });
      return own.vm().memory.pages;
    });
    expect(pages[4]).toBe(pages[2]);
  });
});

describe('properties', () => {
  const properties = { 'a.b': 'text', empty: '', number: 77n, flag: true };

  test.each([
    ['a.b', '4 text 0'],
    ['empty', '0  0'],
    ['nobody', 'absent'],
  ])('%s is %s', (path, expected) => {
    expect(answer(plugin, 'property', path, { properties })).toBe(expected);
  });

  test('numbers come in eight bytes', () => {
    expect(answer(plugin, 'property', 'number', { properties })?.endsWith(' 77')).toBe(true);
  });

  test('are set on the stream', () => {
    using stream = order(plugin, 'set-property', 'mine');
    expect(Buffer.from(stream.context.properties.get('mine') as Uint8Array).toString()).toBe('value');
  });
});

describe('a filter that breaks', () => {
  test('says where, answers 503, and the next load gets a fresh VM', () => {
    const { host, plugin: own } = probe();
    using stream = order(own, 'trap', '1');
    expect(stream.reply?.status).toBe(503);
    expect(host.logs[0]?.message).toMatch(/^abort: trapped on purpose at .*request\.ts:\d+:\d+$/);
    using after = order(own, 'time');
    expect(after.reply?.status).toBe(503);
    const { plugin: fresh } = probe({}, {}, host);
    expect(answer(fresh, 'root')).toBe(' ');
  });
});

describe('memory', () => {
  test('stays flat when a filter throws away megabytes', () => {
    const { plugin: own } = probe();
    const pages: number[] = [];
    for (let round = 0; round < 400; round++) {
      answer(own, 'garbage', '500');
      if (round % 100 === 99) pages.push(own.vm().memory.pages);
    }
    expect(new Set(pages.slice(1)).size, `pages ${pages.join()}`).toBe(1);
    expect(pages[3]).toBeLessThanOrEqual(16);
  });
});

import { ConfigurationRefused } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { ask, load, newHost } from '../support/authz.ts';
import { good, notUtf8, refused } from './bad-configurations.ts';

describe('a bad configuration is refused with its place and the reason', () => {
  test.each(refused)('%s', (_, text, message) => {
    const host = newHost();
    expect(() => load(text, host)).toThrow(ConfigurationRefused);
    expect(host.logs).toEqual([{ level: 'error', message: `shunt.authz: configuration refused: ${message}` }]);
  });

  test.each(notUtf8)('%s', (_, text) => {
    const host = newHost();
    expect(() => load(text, host)).toThrow('configuration refused: 1:14: not UTF-8');
  });
});

describe('a refused configuration', () => {
  test('leaves the old one in force', () => {
    const host = newHost();
    const plugin = load(good, host);
    const request = { source: 'web', cluster: 'api:8080', method: 'GET', path: '/a' };
    expect(ask(plugin, request).allowed).toBe(true);
    for (const [, text] of refused) expect(() => load(text, host)).toThrow(ConfigurationRefused);
    expect(ask(plugin, request).allowed).toBe(true);
    expect(ask(plugin, { ...request, path: '/b' }).reply?.details).toBe('shunt_denied[none]');
  });

  test('never breaks the VM, wherever the text is cut or a byte is changed', () => {
    const text = JSON.stringify(good);
    const host = newHost({ workers: 1 });
    load(good, host);
    for (let at = 0; at < text.length; at++) {
      expect(() => load(text.slice(0, at), host), `cut at ${at}`).toThrow(ConfigurationRefused);
      for (const byte of ['\0', '"', '\\', '{', ']', '\xff']) {
        try {
          load(`${text.slice(0, at)}${byte}${text.slice(at + 1)}`, host).remove();
        } catch (error) {
          expect(error, `byte ${JSON.stringify(byte)} at ${at}`).toBeInstanceOf(ConfigurationRefused);
        }
      }
    }
    const trapped = host.logs.filter(({ level }) => level === 'critical');
    expect(trapped).toEqual([]);
  });
});

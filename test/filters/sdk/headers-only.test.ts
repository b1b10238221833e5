/** Filters of `exports/headers-only`, for which the host keeps no account of streams. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FilterModule, Host, type HttpStream, loadFilter, type Plugin } from 'proxy-wasm-sdk/testing/index.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileFilter } from '../../support/filter-module.ts';

/** Answers with the text of its configuration. */
const SOURCE = `
import { Action, Bytes, localReply, registerRoot, RootContext } from "proxy-wasm-sdk/assembly";
export * from "proxy-wasm-sdk/assembly/exports/headers-only";

class Root extends RootContext {
  private text: ArrayBuffer = new ArrayBuffer(0);

  onConfigure(text: Bytes): bool {
    this.text = text.copy();
    return true;
  }

  onRequest(count: i32, endOfStream: bool): Action {
    localReply(200, this.text, this.text);
    return Action.Pause;
  }
}

registerRoot(() => new Root());
`;

let dir: string;
let module: FilterModule;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shunt-headers-only-'));
  module = loadFilter(compileFilter(dir, 'only', SOURCE).path);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

const load = (host: Host, configuration: string): Plugin => host.load({ module, configuration });

function answerOf(stream: HttpStream): string | undefined {
  stream.requestHeaders([[':path', '/']]);
  return stream.reply?.body;
}

test('the host calls twice for each request: there it is, and its headers', () => {
  const callbacks = [...module.exports].filter((name) => name.startsWith('proxy_on_')).sort();
  expect(callbacks).toEqual([
    'proxy_on_configure',
    'proxy_on_context_create',
    'proxy_on_memory_allocate',
    'proxy_on_request_headers',
    'proxy_on_vm_start',
  ]);
});

describe('streams belong to their configuration', () => {
  test('whose headers come at once', () => {
    const host = new Host();
    const [a, b] = [load(host, 'a'), load(host, 'b')];
    expect(a.vm()).toBe(b.vm());
    for (let i = 0; i < 100; i++) {
      using first = a.http();
      expect(answerOf(first)).toBe('a');
      using second = b.http();
      expect(answerOf(second)).toBe('b');
    }
  });

  test('whose headers come later, in another order, when their configuration is gone', () => {
    const host = new Host();
    const plugins = ['a', 'b', 'c'].map((text) => load(host, text));
    const streams = Array.from({ length: 6000 }, (_, i) => ({ text: 'abc'[i % 3], stream: plugins[i % 3]?.http() }));
    plugins[1]?.remove();
    load(host, 'd');
    for (const { text, stream } of streams.toSorted((x, y) => ((x.text ?? '') < (y.text ?? '') ? 1 : -1))) {
      if (stream !== undefined) expect(answerOf(stream)).toBe(text);
      stream?.close();
    }
  });

  test('only once: a host that is mistaken gets a refusal', () => {
    const plugin = load(new Host(), 'a');
    using stream = plugin.http();
    expect(answerOf(stream)).toBe('a');
    stream.context.reply = undefined;
    expect(answerOf(stream)).toBe('');
    expect(stream.reply).toMatchObject({ status: 500, details: 'proxy_wasm_unknown_context' });
  });
});

describe('memory is flat', () => {
  const flat = (pages: number[]): void => {
    expect(new Set(pages.slice(1)).size, `pages ${pages.join()}`).toBe(1);
  };

  test('over streams that end without headers', () => {
    const plugin = load(new Host(), 'a');
    flat(
      Array.from({ length: 6 }, () => {
        for (let i = 0; i < 20_000; i++) plugin.http().close();
        return plugin.vm().memory.pages;
      }),
    );
    using stream = plugin.http();
    expect(answerOf(stream)).toBe('a');
  });

  test('over configurations that come and go', () => {
    const host = new Host();
    const staying = load(host, 'stays');
    const big = (i: number): string => `${i}`.padEnd(20_000, 'x');
    let plugin = load(host, big(0));
    flat(
      Array.from({ length: 6 }, (_, round) => {
        for (let i = 0; i < 200; i++) {
          const next = load(host, big(round * 200 + i));
          plugin.remove();
          plugin = next;
        }
        return plugin.vm().memory.pages;
      }),
    );
    using stream = staying.http();
    expect(answerOf(stream)).toBe('stays');
  });
});

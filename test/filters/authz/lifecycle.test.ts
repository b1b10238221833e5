import { describe, expect, test } from 'vitest';
import { ask, load, newHost } from '../support/authz.ts';
import { manyRequests } from '../support/many-requests.ts';

const request = { source: 'a', cluster: 'c', method: 'GET', path: '/x' };

/** Lets in what has this path. */
function onlyPath(path: string, policy = 'p') {
  return {
    sources: { a: { principal: 'p', namespace: 'n' } },
    destinations: { c: { port: 1, policies: [0] } },
    policies: [{ name: policy, action: 'ALLOW', rules: [{ to: [{ paths: [path] }] }] }],
  };
}

describe('two configurations on one VM', () => {
  test('never meet, whichever streams are open', () => {
    const host = newHost();
    const x = load(onlyPath('/x'), host, 'shared');
    const y = load(onlyPath('/y'), host, 'shared');
    expect(x.vm()).toBe(y.vm());
    for (let i = 0; i < 100; i++) {
      expect(ask(x, request).allowed).toBe(true);
      expect(ask(y, request).allowed).toBe(false);
      expect(ask(y, { ...request, path: '/y' }).allowed).toBe(true);
      expect(ask(x, { ...request, path: '/y' }).allowed).toBe(false);
    }
  });

  test('one can go and the other stays', () => {
    const host = newHost();
    const x = load(onlyPath('/x'), host, 'shared');
    const y = load(onlyPath('/y'), host, 'shared');
    const vm = x.vm();
    x.remove();
    expect(ask(y, { ...request, path: '/y' }).allowed).toBe(true);
    expect(ask(y, request).allowed).toBe(false);
    expect(vm.failure).toBeUndefined();
  });

  test('a refused one leaves no context behind', () => {
    const host = newHost();
    const x = load(onlyPath('/x'), host, 'shared');
    const before = x.vm().contextCount;
    expect(() => load('{}', host, 'shared')).toThrow('lacks policies');
    expect(x.vm().contextCount).toBe(before);
  });
});

describe('a reload', () => {
  test('takes effect for new requests while streams of the old one are open', () => {
    const host = newHost({ workers: 2 });
    const properties = { 'xds.listener_metadata.filter_metadata.shunt.source': 'a', 'xds.cluster_name': 'c' };
    const old = load(onlyPath('/x'), host);
    const streams = [0, 1].map((worker) => old.http({ worker, properties }));
    const next = load(onlyPath('/y'), host);
    old.remove();
    for (const stream of streams) {
      expect(
        stream.requestHeaders([
          [':method', 'GET'],
          [':path', '/x'],
        ]),
      ).toBe('continue');
      stream.close();
    }
    expect(ask(next, request).allowed).toBe(false);
    expect(ask(next, { ...request, path: '/y' }).allowed).toBe(true);
  });

  test('keeps the counters', () => {
    const host = newHost();
    const first = load(onlyPath('/x', 'same'), host);
    ask(first, request);
    const second = load(onlyPath('/x', 'same'), host);
    first.remove();
    ask(second, request);
    expect(host.metrics.value('shunt_authz.policy.same.allowed')).toBe(2n);
    expect(host.metrics.value('shunt_authz.allowed')).toBe(2n);
  });

  test('leaves no context and no memory behind, 2,000 times over', () => {
    const host = newHost();
    let plugin = load(onlyPath('/0'), host);
    const vm = plugin.vm();
    const pages: number[] = [];
    for (let i = 1; i <= 2000; i++) {
      const next = load(onlyPath(`/${i}`), host);
      plugin.remove();
      plugin = next;
      expect(ask(plugin, { ...request, path: `/${i}` }).allowed).toBe(true);
      if (i % 500 === 0) pages.push(vm.memory.pages);
    }
    expect(plugin.vm()).toBe(vm);
    expect(vm.contextCount).toBe(1);
    expect(new Set(pages).size, `pages ${pages.join()}`).toBe(1);
  });
});

describe('memory', () => {
  test('is flat over 200,000 requests, of which some are long or denied, from 5,000 certificates', () => {
    const { memoryKb, contexts, wrong } = manyRequests(200_000);
    expect(wrong).toBe(0);
    expect(new Set(memoryKb.slice(1)).size, `kB ${memoryKb.join()}`).toBe(1);
    expect(memoryKb[1]).toBeLessThan(2048);
    expect(contexts).toBe(2);
  });

  test('is given back when thousands of open streams end', () => {
    const plugin = load(onlyPath('/x'));
    const round = (): number => {
      const streams = Array.from({ length: 5000 }, () => plugin.http());
      for (const stream of streams) stream.requestHeaders([[':path', '/x']]);
      for (const stream of streams) stream.close();
      return plugin.vm().memory.pages;
    };
    const rounds = Array.from({ length: 6 }, round);
    expect(new Set(rounds.slice(2)).size, `pages ${rounds.join()}`).toBe(1);
  });
});

describe('calls of the host in odd order', () => {
  test('do not trap: a stream that ends before its headers, log without headers', () => {
    const plugin = load(onlyPath('/x'));
    plugin.http().close();
    plugin.http({ properties: { 'xds.cluster_name': 'c' } }).close();
    expect(plugin.vm().failure).toBeUndefined();
  });

  test('are refused and do not trap: contexts that the filter never saw', () => {
    const plugin = load(onlyPath('/x'));
    const vm = plugin.vm();
    const stream = plugin.http();
    expect(vm.run(stream.context, 'proxy_on_request_headers', 4711, 0, 1)).toBe(1);
    expect(stream.reply).toMatchObject({ status: 500, details: 'proxy_wasm_unknown_context' });
    vm.run(stream.context, 'proxy_on_done', 4711);
    vm.run(stream.context, 'proxy_on_delete', 4711);
    expect(vm.run(stream.context, 'proxy_on_configure', 4711, 0)).toBe(0);
    expect(vm.failure).toBeUndefined();
  });
});

import { describe, expect, test } from 'vitest';
import type { ResourceKey } from '../../../src/instance.ts';
import { evaluateRequest } from '../../../src/policy/evaluate.ts';
import { policy, shop } from './shop.ts';

interface Asked {
  source?: ResourceKey;
  destination?: ResourceKey;
  port?: number;
  method?: string;
  path?: string;
}

/** GET /items from shop/web to shop/api:8080, where nothing else is said. */
function ask(policies: string | readonly string[], asked: Asked = {}) {
  const { source = 'shop/web', destination = 'shop/api', port = 8080, method = 'GET', path = '/items' } = asked;
  const topology = shop(...(typeof policies === 'string' ? [policy(policies)] : policies));
  return evaluateRequest(topology, { source, destination, port, method, path });
}

describe('one policy: a request is allowed or denied', () => {
  const api = 'selector: {matchLabels: {app: api}}';
  test.each<[spec: string, asked: Asked, allowed: boolean]>([
    // rules
    ['{}', {}, false],
    ['{rules: []}', {}, false],
    ['{rules: [{}]}', {}, true],
    ['{action: DENY, rules: [{}]}', {}, false],
    ['{rules: [{to: [{operation: {methods: [POST]}}]}, {to: [{operation: {methods: [GET]}}]}]}', {}, true],
    // selector
    [`{${api}}`, {}, false],
    ['{selector: {matchLabels: {app: cache}}}', {}, true],
    ['{selector: {matchLabels: {app: api, tier: back}}}', {}, false],
    ['{selector: {matchLabels: {}}}', {}, false],
    // principals
    ['{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/web]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/we]}}]}]}', {}, false],
    ['{rules: [{from: [{source: {principals: [cluster.local/ns/shop/*]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {principals: [cluster.local/ns/tools/*]}}]}]}', {}, false],
    ['{rules: [{from: [{source: {principals: ["*/sa/web"]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {principals: ["*/sa/api"]}}]}]}', {}, false],
    ['{rules: [{from: [{source: {principals: ["*"]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {principals: [x, "*/sa/web"]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {principals: [cluster_local/ns/shop/sa/web]}}]}]}', {}, false],
    // namespaces
    ['{rules: [{from: [{source: {namespaces: [shop]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {namespaces: [shop]}}]}]}', { source: 'tools/probe' }, false],
    ['{rules: [{from: [{source: {namespaces: [sh*]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {namespaces: ["*op"]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {namespaces: ["*"]}}]}]}', { source: 'tools/probe' }, true],
    ['{rules: [{from: [{source: {namespaces: [shop], principals: ["*/sa/prober"]}}]}]}', {}, false],
    ['{rules: [{from: [{source: {namespaces: [tools]}}, {source: {principals: ["*/sa/web"]}}]}]}', {}, true],
    // methods
    ['{rules: [{to: [{operation: {methods: [GET]}}]}]}', {}, true],
    ['{rules: [{to: [{operation: {methods: [GET]}}]}]}', { method: 'POST' }, false],
    ['{rules: [{to: [{operation: {methods: [GET]}}]}]}', { method: 'get' }, false],
    ['{rules: [{to: [{operation: {methods: [P*]}}]}]}', { method: 'PATCH' }, true],
    ['{rules: [{to: [{operation: {methods: ["*T"]}}]}]}', { method: 'PATCH' }, false],
    ['{rules: [{to: [{operation: {methods: ["*"]}}]}]}', { method: 'WHATEVER' }, true],
    // ports: those of the workload
    ['{rules: [{to: [{operation: {ports: ["8080"]}}]}]}', {}, true],
    ['{rules: [{to: [{operation: {ports: ["80"]}}]}]}', {}, false],
    ['{rules: [{to: [{operation: {ports: ["8080", "9090"]}}]}]}', { port: 9090 }, true],
    ['{action: DENY, rules: [{to: [{operation: {ports: ["9090"]}}]}]}', {}, true],
    ['{action: DENY, rules: [{to: [{operation: {ports: ["9090"]}}]}]}', { port: 9090 }, false],
    // paths
    ['{rules: [{to: [{operation: {paths: [/items]}}]}]}', {}, true],
    ['{rules: [{to: [{operation: {paths: [/items]}}]}]}', { path: '/items/' }, false],
    ['{rules: [{to: [{operation: {paths: [/items]}}]}]}', { path: '/items?q=1' }, true],
    ['{rules: [{to: [{operation: {paths: [/items]}}]}]}', { path: '/items#x' }, true],
    ['{rules: [{to: [{operation: {paths: [/items]}}]}]}', { path: '/Items' }, false],
    ['{rules: [{to: [{operation: {paths: [/items/*]}}]}]}', { path: '/items/7' }, true],
    ['{rules: [{to: [{operation: {paths: [/items/*]}}]}]}', { path: '/items/' }, true],
    ['{rules: [{to: [{operation: {paths: [/items/*]}}]}]}', { path: '/items' }, false],
    ['{rules: [{to: [{operation: {paths: [/items*]}}]}]}', { path: '/items-old/x' }, true],
    ['{rules: [{to: [{operation: {paths: ["*.png"]}}]}]}', { path: '/a/b.png?v=2' }, true],
    ['{rules: [{to: [{operation: {paths: ["*.png"]}}]}]}', { path: '/a/bxpng' }, false],
    ['{rules: [{to: [{operation: {paths: ["*"]}}]}]}', { path: '/' }, true],
    ['{rules: [{to: [{operation: {paths: ["*"]}}]}]}', { path: '' }, false],
    // templates
    ['{rules: [{to: [{operation: {paths: ["/items/{*}"]}}]}]}', { path: '/items/7' }, true],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}"]}}]}]}', { path: '/items/' }, false],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}"]}}]}]}', { path: '/items/7/price' }, false],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}/price"]}}]}]}', { path: '/items/7/price' }, true],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}/price"]}}]}]}', { path: '/items/7/8/price' }, false],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}/"]}}]}]}', { path: '/items/7/' }, true],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}/"]}}]}]}', { path: '/items/7' }, false],
    ['{rules: [{to: [{operation: {paths: ["/{*}/{*}"]}}]}]}', { path: '/a/b' }, true],
    ['{rules: [{to: [{operation: {paths: ["/a.b/{*}"]}}]}]}', { path: '/axb/c' }, false],
    ['{rules: [{to: [{operation: {paths: ["/items/{**}"]}}]}]}', { path: '/items/' }, true],
    ['{rules: [{to: [{operation: {paths: ["/items/{**}"]}}]}]}', { path: '/items/7/8/9' }, true],
    ['{rules: [{to: [{operation: {paths: ["/items/{**}"]}}]}]}', { path: '/items' }, false],
    ['{rules: [{to: [{operation: {paths: ["/{**}/price"]}}]}]}', { path: '/items/7/price' }, true],
    ['{rules: [{to: [{operation: {paths: ["/{**}/price"]}}]}]}', { path: '//price' }, true],
    ['{rules: [{to: [{operation: {paths: ["/{**}/price"]}}]}]}', { path: '/price' }, false],
    ['{rules: [{to: [{operation: {paths: ["/{*}/x/{**}"]}}]}]}', { path: '/a/x/b/c?d' }, true],
    ['{rules: [{to: [{operation: {paths: ["/items/{**}/"]}}]}]}', { path: '/items/a/b' }, false],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}"]}}]}]}', { path: "/items/a*b=c@d;e'" }, true],
    ['{rules: [{to: [{operation: {paths: ["/items/{*}"]}}]}]}', { path: '/items/a"b' }, false],
    // all fields of an operation, any of the operations, from and to
    ['{rules: [{to: [{operation: {methods: [POST], paths: [/items]}}]}]}', {}, false],
    ['{rules: [{to: [{operation: {methods: [POST]}}, {operation: {paths: [/items]}}]}]}', {}, true],
    ['{rules: [{from: [{source: {namespaces: [tools]}}], to: [{operation: {methods: [GET]}}]}]}', {}, false],
    ['{rules: [{from: [{source: {namespaces: [tools]}}]}, {to: [{operation: {methods: [GET]}}]}]}', {}, true],
    [
      '{action: DENY, rules: [{from: [{source: {namespaces: [shop]}}], to: [{operation: {methods: [POST]}}]}]}',
      {},
      true,
    ],
    [
      '{action: DENY, rules: [{from: [{source: {namespaces: [shop]}}], to: [{operation: {methods: [GET]}}]}]}',
      {},
      false,
    ],
  ])('%s asked %o: %s', (spec, asked, allowed) => {
    expect(ask(spec, asked).allowed).toBe(allowed);
  });
});

describe('several policies', () => {
  const allowAll = policy('{rules: [{}]}', 'allow-all');
  const denyPost = policy('{action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]}', 'deny-post');

  test('none: allowed', () => {
    expect(ask([])).toEqual({ allowed: true, reason: 'no ALLOW policy guards the destination' });
  });

  test('DENY goes before ALLOW, whatever their names', () => {
    expect(ask([allowAll, denyPost], { method: 'POST' })).toMatchObject({ allowed: false, policy: 'shop/deny-post' });
    expect(ask([allowAll, denyPost])).toMatchObject({ allowed: true, policy: 'shop/allow-all' });
  });

  test('only DENY policies: what none of them matches is allowed', () => {
    expect(ask([denyPost])).toMatchObject({ allowed: true });
  });

  test('one of several ALLOW policies is enough; when none matches, all are named', () => {
    const a = policy('{rules: [{to: [{operation: {methods: [GET]}}]}]}', 'a');
    const b = policy('{rules: [{to: [{operation: {methods: [PUT]}}]}]}', 'b');
    expect(ask([a, b], { method: 'PUT' })).toMatchObject({ allowed: true, policy: 'shop/b' });
    expect(ask([a, b], { method: 'POST' })).toEqual({ allowed: false, reason: 'none of shop/a, shop/b allows it' });
  });

  test('a policy of another namespace does not count; one of istio-system does', () => {
    expect(ask([policy('{}', 'p', 'tools')]).allowed).toBe(true);
    expect(ask([policy('{}', 'p', 'istio-system')]).allowed).toBe(false);
    expect(ask([policy('{selector: {matchLabels: {app: api}}}', 'p', 'istio-system')]).allowed).toBe(false);
    expect(ask([policy('{selector: {matchLabels: {app: probe}}}', 'p', 'istio-system')]).allowed).toBe(true);
  });

  test('an ALLOW policy of the root namespace counts like one of the namespace itself', () => {
    expect(ask([policy('{rules: [{}]}', 'root', 'istio-system'), policy('{}', 'nothing')]).allowed).toBe(true);
    expect(ask([policy('{}', 'root', 'istio-system'), policy('{rules: [{}]}', 'all')]).allowed).toBe(true);
  });
});

describe('what is unknown is denied', () => {
  test.each<[Asked, string]>([
    [{ source: 'shop/nobody' }, 'shop/nobody is no workload'],
    [{ destination: 'shop/nobody' }, 'no Service leads to shop/nobody:8080 by http or http2'],
    [{ port: 8081 }, 'no Service leads to shop/api:8081 by http or http2'],
    [{ port: 5432 }, 'no Service leads to shop/api:5432 by http or http2'],
  ])('%o: %s', (asked, reason) => {
    expect(ask([], asked)).toEqual({ allowed: false, reason });
  });

  test('a request without a path (CONNECT) matches no rule with paths, but others', () => {
    const connect = { source: 'shop/web', destination: 'shop/api', port: 8080, method: 'CONNECT' } as const;
    const withPaths = policy('{rules: [{to: [{operation: {paths: ["*"]}}]}]}');
    expect(evaluateRequest(shop(withPaths), connect).allowed).toBe(false);
    expect(evaluateRequest(shop(policy('{rules: [{}]}')), connect).allowed).toBe(true);
  });
});

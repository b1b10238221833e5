import { describe, expect, test } from 'vitest';
import { type AuthzRequest, ask, authzModule, load, newHost } from '../support/authz.ts';
import { type Case, cases, configuration, LOOPBACK } from './cases.ts';

const host = newHost();
const plugin = load(configuration(), host);

describe('every case of cases.yaml in the Node host', () => {
  test.each(cases.map((request) => [request.what, request] as const))('%s', (_, request) => {
    const before = new Map(counters());
    const verdict = ask(plugin, asked(request));
    expect(verdict.allowed).toBe(request.allowed);
    expect(verdict.reply?.details ?? '').toBe(request.details);
    const counted = counters().flatMap(([name, value]) => {
      const times = value - (before.get(name) ?? 0n);
      return times === 0n ? [] : [`${name} ${times}`];
    });
    expect(counted.sort()).toEqual(
      countersOf(request)
        .map((name) => `${name} 1`)
        .sort(),
    );
  });
});

function counters(): [string, bigint][] {
  return host.metrics.names().map((name) => [name, host.metrics.value(name) ?? 0n]);
}

/** As the proxy tells it of this request. */
function asked({
  source,
  cluster,
  method,
  path,
  host,
  headers,
  remote = LOOPBACK,
  sni = '',
  claims,
}: Case): AuthzRequest {
  return {
    ...{ source, cluster, method, path, host, headers, sni, peer: LOOPBACK, local: LOOPBACK },
    remote: remote.includes(':') ? `[${remote}]` : remote,
    ...(claims === undefined ? {} : { claims }),
  };
}

/** All that one request counts. */
function countersOf({ allowed, by, shadow, audited }: Case): string[] {
  const outcome = (is: boolean): string => (is ? 'allowed' : 'denied');
  const isPolicy = (name: string | undefined): name is string => name?.includes('/') === true;
  return [
    `shunt_authz.${outcome(allowed)}`,
    ...(isPolicy(by) ? [`shunt_authz.policy.${by}.${outcome(allowed)}`] : []),
    ...(shadow === undefined ? [] : [`shunt_authz.shadow_${outcome(shadow.allowed)}`]),
    ...(isPolicy(shadow?.by) ? [`shunt_authz.policy.${shadow?.by}.shadow_${outcome(shadow?.allowed === true)}`] : []),
    ...audited.map((name) => `shunt_authz.policy.${name}.audited`),
  ];
}

describe('a denial', () => {
  test('is 403 with Istio’s body, and gRPC status 7', () => {
    const denied = cases.find(({ allowed }) => !allowed);
    expect(ask(plugin, denied === undefined ? {} : asked(denied)).reply).toMatchObject({
      status: 403,
      body: 'RBAC: access denied',
      grpcStatus: 7,
      headers: [],
    });
  });

  test('and a permission are counted in all', () => {
    const fresh = newHost();
    const own = load(configuration(), fresh);
    for (const request of cases) ask(own, asked(request));
    expect(fresh.metrics.value('shunt_authz.allowed')).toBe(BigInt(cases.filter(({ allowed }) => allowed).length));
    expect(fresh.metrics.value('shunt_authz.denied')).toBe(BigInt(cases.filter(({ allowed }) => !allowed).length));
  });
});

describe('what the proxy does not tell is denied', () => {
  const open = load({
    sources: { a: { principal: 'p', namespace: 'n' } },
    destinations: { c: { port: 1, policies: [] } },
    policies: [],
  });

  test.each([
    ['no source', { cluster: 'c' }, 'unknown-source'],
    ['an empty source', { source: '', cluster: 'c' }, 'unknown-source'],
    ['an unknown source', { source: 'b', cluster: 'c' }, 'unknown-source'],
    ['no cluster (redirect, direct response)', { source: 'a' }, 'unknown-destination'],
    ['an empty cluster', { source: 'a', cluster: '' }, 'unknown-destination'],
    ['an unknown cluster', { source: 'a', cluster: 'd' }, 'unknown-destination'],
    ['a source that only begins like a known one', { source: 'ab', cluster: 'c' }, 'unknown-source'],
    ['a source with a NUL behind it', { source: 'a\0', cluster: 'c' }, 'unknown-source'],
  ])('%s', (_, request, reason) => {
    const verdict = ask(open, { ...request, method: 'GET', path: '/' });
    expect(verdict.allowed).toBe(false);
    expect(verdict.reply?.details).toBe(`shunt_denied[${reason}]`);
  });

  test('headers never give an identity', () => {
    const headers: [string, string][] = [
      ['x-shunt-source', 'a'],
      ['xds.listener_metadata.filter_metadata.shunt.source', 'a'],
      ['x-forwarded-client-cert', 'URI=spiffe://p'],
    ];
    expect(ask(open, { cluster: 'c', method: 'GET', path: '/', headers }).allowed).toBe(false);
  });
});

describe('odd requests do not trap', () => {
  const guarded = load({
    sources: { a: { principal: 'p', namespace: 'n' } },
    destinations: { c: { port: 1, policies: [0, 1] } },
    policies: [
      { name: 'd', action: 'DENY', rules: [{ to: [{ paths: ['/x*', '*y', '/{*}/z', '*'], methods: ['POST'] }] }] },
      { name: 'a', action: 'ALLOW', rules: [{ to: [{ methods: ['GET', 'CONNECT'] }] }] },
    ],
  });
  const request = { source: 'a', cluster: 'c' };

  test('CONNECT without a path matches no rule with paths', () => {
    expect(ask(guarded, { ...request, method: 'CONNECT' }).allowed).toBe(true);
    expect(ask(guarded, { ...request, method: 'POST' }).reply?.details).toBe('shunt_denied[none]');
  });

  test('no method at all', () => {
    expect(ask(guarded, { ...request, path: '/' }).reply?.details).toBe('shunt_denied[none]');
  });

  test.each([
    ['', 'shunt_denied[none]'],
    ['?', 'shunt_denied[none]'],
    ['#x', 'shunt_denied[none]'],
    ['*', 'shunt_denied[d]'],
    ['x'.repeat(60_000), 'shunt_denied[d]'],
    [`/${'a/'.repeat(500_000)}z`, 'shunt_denied[d]'],
    ['\0', 'shunt_denied[d]'],
    ['\xff'.repeat(300), 'shunt_denied[d]'],
  ])('a path like %.10s', (path, details) => {
    expect(ask(guarded, { ...request, method: 'POST', path }).reply?.details).toBe(details);
  });

  test('every byte in a path', () => {
    for (let byte = 0; byte < 256; byte++) {
      const path = `/${String.fromCharCode(byte)}${String.fromCharCode(255 - byte)}`;
      expect(ask(guarded, { ...request, method: 'GET', path }).allowed).toBe(true);
    }
    expect(guarded.vm().failure).toBeUndefined();
  });
});

describe('many rules', () => {
  const request = { source: 'a', cluster: 'c' };
  const guarded = (rules: object[]) =>
    load({
      sources: { a: { principal: 'p', namespace: 'n' } },
      destinations: { c: { port: 1, policies: [0] } },
      policies: [{ name: 'p', action: 'ALLOW', rules }],
    });

  test('name more methods than there are bits', () => {
    const methods = Array.from({ length: 80 }, (_, index) => `M${index}`);
    const plugin = guarded(methods.map((method, index) => ({ to: [{ methods: [method], paths: [`/${index}`] }] })));
    for (const [index, method] of methods.entries()) {
      expect(ask(plugin, { ...request, method, path: `/${index}` }).allowed, method).toBe(true);
      for (const other of [1, 63, 64, 65]) {
        expect(ask(plugin, { ...request, method, path: `/${(index + other) % 80}` }).allowed, method).toBe(false);
      }
    }
    expect(ask(plugin, { ...request, method: 'M80', path: '/1' }).allowed).toBe(false);
  });

  test('of 1,000 callers, each is found', () => {
    const names = Array.from({ length: 1000 }, (_, index) => `caller-${index}`);
    const plugin = load({
      sources: Object.fromEntries(names.map((name) => [name, { principal: `p/${name}`, namespace: 'n' }])),
      destinations: { c: { port: 1, policies: [0] } },
      policies: [
        {
          name: 'p',
          action: 'ALLOW',
          rules: names.map((name) => ({ from: [{ principals: [`p/${name}`] }], to: [{ paths: [`/${name}`] }] })),
        },
      ],
    });
    for (const [index, source] of names.entries()) {
      const allowed = (path: string): boolean => ask(plugin, { source, cluster: 'c', method: 'GET', path }).allowed;
      expect(allowed(`/${source}`)).toBe(true);
      expect(allowed(`/${names[(index + 1) % 1000]}`)).toBe(false);
    }
    expect(plugin.vm().memory.pages).toBeLessThan(200);
  });

  test('ask the host for no more than a rule needs', () => {
    const calls = (plugin: ReturnType<typeof load>): number => {
      const wanted = { ...request, method: 'GET', path: '/', host: 'h', peer: '::1', remote: '10.0.0.1', claims: {} };
      ask(plugin, wanted);
      const before = plugin.vm().hostCalls;
      ask(plugin, wanted);
      return plugin.vm().hostCalls - before;
    };
    // caller, destination, two counters
    expect(calls(guarded([{ from: [{ namespaces: ['n'] }] }]))).toBe(4);
    expect(calls(guarded([{ from: [{ namespaces: ['n'], notPrincipals: ['q'] }], to: [{ notPorts: ['9'] }] }]))).toBe(
      4,
    );
    expect(calls(guarded([{ to: [{ methods: ['GET'] }] }]))).toBe(5);
    expect(calls(guarded([{ to: [{ paths: ['/'] }] }]))).toBe(5);
    expect(calls(guarded([{ to: [{ methods: ['GET'], paths: ['/'] }] }]))).toBe(5);
    expect(calls(guarded([{ to: [{ hosts: ['h'] }], when: [{ key: 'request.headers[host]', values: ['h'] }] }]))).toBe(
      5,
    );
    expect(calls(guarded([{ from: [{ ipBlocks: ['::1'] }] }]))).toBe(5);
    expect(calls(guarded([{ to: [{ methods: ['GET'], paths: ['/'], notHosts: ['x'], notPaths: ['/x'] }] }]))).toBe(5);
    const names = ['iss', 'sub', 'aud'];
    const claims = names.map((name) => ({ key: `request.auth.claims[${name}]`, notValues: ['*'] }));
    expect(calls(guarded([{ when: claims }]))).toBe(5);
    // what another rule asks for does not matter where the method or path rule it out
    const other = { to: [{ methods: ['PUT'], hosts: ['x'] }], when: claims };
    expect(calls(guarded([other, { to: [{ methods: ['GET'] }] }]))).toBe(5);
  });
});

test('the first request already is judged by methods that only a later lane names', () => {
  const own = newHost();
  const plugin = load(
    {
      sources: { a: { principal: 'p', namespace: 'n' } },
      destinations: { c: { port: 1, policies: [0, 1, 2, 3] } },
      policies: [
        { name: 'gets', action: 'DENY', rules: [{ to: [{ methods: ['GET'] }] }] },
        { name: 'all', action: 'AUDIT', rules: [{}] },
        { name: 'posts', action: 'AUDIT', rules: [{ to: [{ methods: ['POST'] }] }] },
        { name: 'dry', action: 'ALLOW', dryRun: true, rules: [{ to: [{ methods: ['PUT', 'POST'] }] }] },
      ],
    },
    own,
  );
  expect(ask(plugin, { source: 'a', cluster: 'c', method: 'POST', path: '/' }).allowed).toBe(true);
  expect(own.metrics.value('shunt_authz.policy.posts.audited')).toBe(1n);
  expect(own.metrics.value('shunt_authz.shadow_allowed')).toBe(1n);
});

describe('an audit', () => {
  test('is a line in the log, at level info, with a path of 256 bytes at most', () => {
    const own = newHost({ logLevel: 'info' });
    const plugin = load(
      {
        sources: { a: { principal: 'p', namespace: 'n' } },
        destinations: { c: { port: 1, policies: [0] } },
        policies: [{ name: 'default/posts', action: 'AUDIT', rules: [{ to: [{ methods: ['POST'] }] }] }],
      },
      own,
    );
    const ofMethod = (method: string, path: string) => ask(plugin, { source: 'a', cluster: 'c', method, path });
    ofMethod('GET', '/quiet');
    ofMethod('POST', '/items?secret=1');
    ofMethod('POST', `/${'x'.repeat(1000)}`);
    expect(own.logs).toEqual([
      { level: 'info', message: 'shunt.authz: audit default/posts: POST /items' },
      { level: 'info', message: `shunt.authz: audit default/posts: POST /${'x'.repeat(255)}` },
    ]);
  });
});

test('the module is 30,000 bytes at most', () => {
  expect(authzModule.sizeBytes).toBeLessThanOrEqual(30_000);
});

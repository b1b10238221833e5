/** Random policies and requests from small alphabets, so that they often meet. */
import fc, { type Arbitrary } from 'fast-check';
import type {
  AuthorizationPolicy,
  PolicyCondition,
  PolicyOperation,
  PolicyRule,
  PolicySource,
} from '../../../src/config/model.ts';
import type { ResourceKey } from '../../../src/instance.ts';
import type { Request } from '../../../src/policy/evaluate.ts';

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'P', 'HEAD', 'get', ''];
const SEGMENTS = ['a', 'b', 'ab', 'a.b', '%41', 'é', 'x*', ''];

/** Absent in half of all cases; never empty. */
function some<T>(item: Arbitrary<T>): Arbitrary<T[] | undefined> {
  return fc.option(fc.array(item, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 2 });
}

/** The text, a beginning or an end of it with a star, a star alone, or a star inside. */
function pattern(text: Arbitrary<string>): Arbitrary<string> {
  const notEmpty = text.filter((value) => value.length > 0);
  return fc.oneof(
    { weight: 4, arbitrary: notEmpty },
    { weight: 3, arbitrary: fc.tuple(text, fc.nat(12)).map(([value, size]) => `${value.slice(0, size)}*`) },
    { weight: 2, arbitrary: fc.tuple(text, fc.nat(12)).map(([value, size]) => `*${value.slice(value.length - size)}`) },
    { weight: 1, arbitrary: fc.constantFrom('*', '**', '*a*', 'a*b') },
  );
}

const path = fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);

const literal = fc.constantFrom('a', 'b', 'ab', 'a.b', '%41', '');
const template = fc
  .tuple(
    fc.array(fc.oneof(literal, fc.constant('{*}')), { maxLength: 3 }),
    fc.constantFrom('{*}', '{**}'),
    fc.array(literal, { maxLength: 2 }),
  )
  .map(([before, wildcard, after]) => `/${[...before, wildcard, ...after].join('/')}`);

/** Drops keys that are undefined; undefined where none is left. */
function compact<T extends object>(value: T): { [K in keyof T]?: NonNullable<T[K]> } | undefined {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> });
}

function present<T>(arbitrary: Arbitrary<T | undefined>): Arbitrary<T> {
  return arbitrary.filter((value) => value !== undefined) as Arbitrary<T>;
}

/** A host, with a port or without; header values; claims. */
const host = fc.constantFrom('a.test', 'A.Test', 'b.a.test', 'a.test:80', 'a.test:', 'x', 'test');
const HEADERS = ['x-a', 'X-B', 'host'];
const headerValue = fc.constantFrom('a', 'b', 'ab', 'a,b', 'a.test', '*');
const CLAIM_NAMES = ['iss', 'sub', 'aud', 'azp', 'role', 'é'];
const claimText = fc.constantFrom('a', 'b', 'ab', 'a/b', 'é');
const address = fc.constantFrom(
  ...['127.0.0.1', '10.1.0.5', '10.1.0.130', '10.2.0.9', '203.0.113.7'],
  ...['fd00::7', '::1', '::ffff:10.1.0.5', '2001:db8::'],
);

/** An address, or a network that it is in. */
const block = fc
  .tuple(address, fc.option(fc.nat(32), { nil: undefined }))
  .map(([text, bits]) => (bits === undefined ? text : `${text}/${text.includes(':') ? bits * 4 : bits}`));

/** `ISSUER/SUBJECT` with stars where Istio has them, and some where it has not. */
const requestPrincipal = fc.oneof(
  fc.tuple(claimText, claimText).map(([issuer, subject]) => `${issuer}/${subject}`),
  fc.constantFrom('*', '*/a', '*/b', 'a/*', '*b/b', 'a/a*', 'a*', '*b', 'a', '/', '*/', '/*', 'a/b/a', '*/*'),
);

/** What a policy set is made for. */
export interface World {
  readonly principals: readonly string[];
  readonly namespaces: readonly string[];
  readonly ports: readonly number[];
}

/** A field and its `not`, which is rarer. */
function twins<Name extends string>(
  name: Name,
  values: Arbitrary<string>,
): Record<string, Arbitrary<string[] | undefined>> {
  const twin = `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const rare = fc.option(fc.array(values, { minLength: 1, maxLength: 2 }), { nil: undefined, freq: 1 });
  return {
    [name]: some(values),
    [twin]: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: rare }),
  };
}

function source({ principals, namespaces }: World): Arbitrary<PolicySource> {
  const fields = fc.record({
    ...twins('principals', pattern(fc.constantFrom(...principals))),
    ...twins('namespaces', pattern(fc.constantFrom(...namespaces))),
    ...rarely(twins('ipBlocks', block)),
    ...rarely(twins('remoteIpBlocks', block)),
    ...rarely(twins('requestPrincipals', requestPrincipal)),
  });
  return present(fields.map((value) => compact(value) as PolicySource | undefined));
}

function operation({ ports }: World): Arbitrary<PolicyOperation> {
  const fields = fc.record({
    ...rarely(twins('hosts', pattern(host))),
    ...twins('methods', pattern(fc.constantFrom(...METHODS))),
    ...twins('paths', fc.oneof({ weight: 2, arbitrary: pattern(path) }, { weight: 1, arbitrary: template })),
    ...twins('ports', fc.constantFrom(...ports, 1).map(String)),
  });
  return present(fields.map((value) => compact(value) as PolicyOperation | undefined));
}

/** One in four, so that rules still match something. */
function rarely(fields: Record<string, Arbitrary<string[] | undefined>>): typeof fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [
      name,
      fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values }),
    ]),
  );
}

function condition({ principals, namespaces, ports }: World): Arbitrary<PolicyCondition> {
  const values: [key: Arbitrary<string>, value: Arbitrary<string>][] = [
    [fc.constant('source.principal'), pattern(fc.constantFrom(...principals))],
    [fc.constant('source.namespace'), pattern(fc.constantFrom(...namespaces))],
    [fc.constantFrom('source.ip', 'remote.ip', 'destination.ip'), block],
    [fc.constant('destination.port'), fc.constantFrom(...ports, 1).map(String)],
    [fc.constant('connection.sni'), pattern(host)],
    [fc.constantFrom(...HEADERS).map((name) => `request.headers[${name}]`), pattern(headerValue)],
    [fc.constant('request.auth.principal'), requestPrincipal],
    [fc.constantFrom('request.auth.audiences', 'request.auth.presenter'), pattern(claimText)],
    [fc.constantFrom(...CLAIM_NAMES).map((name) => `request.auth.claims[${name}]`), pattern(claimText)],
    [
      fc.constantFrom('[role][a]', '[role][a][b]', '[é][é]').map((path) => `request.auth.claims${path}`),
      pattern(claimText),
    ],
  ];
  return fc.oneof(
    ...values.map(([key, value]) =>
      fc
        .record({ key, values: some(value), notValues: some(value) })
        .filter((one) => one.values !== undefined || one.notValues !== undefined)
        .map((one) => compact(one) as PolicyCondition),
    ),
  );
}

/** Policies of a namespace that guard all its workloads. */
export function policies(world: World, namespace: string): Arbitrary<AuthorizationPolicy[]> {
  const rule: Arbitrary<PolicyRule> = fc.record({
    from: fc.array(source(world), { maxLength: 2 }),
    to: fc.array(operation(world), { maxLength: 2 }),
    when: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(condition(world), { maxLength: 2 }) },
    ),
  });
  const policy = fc.record({
    action: fc.constantFrom<AuthorizationPolicy['action']>('ALLOW', 'ALLOW', 'DENY', 'DENY', 'AUDIT'),
    dry: fc.nat(4).map((number) => number === 0),
    rules: fc.array(rule, { maxLength: 3 }),
  });
  return fc.array(policy, { maxLength: 6 }).map((list) =>
    list.map(({ action, dry, rules }, index) => {
      const name = `p${index}`;
      const dryRun = dry && action !== 'AUDIT' ? { dryRun: true as const } : {};
      return { key: `${namespace}/${name}` as ResourceKey, name, namespace, action, ...dryRun, rules };
    }),
  );
}

const TAIL = fc.constantFrom('', '?', '?a', '#a', '?/a/b', '/', '/"', '{', '/a');

const claim: Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: claimText },
  { weight: 2, arbitrary: fc.array(claimText, { maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(7, true, null, '', ['a', 1], { a: 'a' }, { a: { b: ['b'] } }, { é: 'a' }),
  },
);

const maybe = <T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });

export const request = fc.record({
  method: fc.constantFrom(...METHODS, 'CONNECT'),
  path: fc.option(
    fc.tuple(path, TAIL).map(([text, tail]) => text + tail),
    { nil: undefined, freq: 20 },
  ),
  host,
  headers: fc.array(fc.tuple(fc.constantFrom('x-a', 'x-b', 'x-c'), headerValue), { maxLength: 3 }),
  // loopback stands for the caller's own address: a captured connection comes over it
  remote: maybe(address.filter((text) => text !== '127.0.0.1')),
  sni: maybe(host),
  claims: maybe(fc.dictionary(fc.constantFrom(...CLAIM_NAMES), claim, { maxKeys: 4 })),
});

/** What a request says, as src/policy takes it. */
export function asked({ host: named, headers, remote, sni, claims }: RandomRequest): Partial<Request> {
  return {
    host: named,
    headers,
    ...(remote === undefined ? {} : { remoteIp: remote }),
    ...(sni === undefined ? {} : { sni }),
    ...(claims === undefined ? {} : { claims }),
  };
}

export type RandomRequest = typeof request extends Arbitrary<infer T> ? T : never;

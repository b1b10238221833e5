/** Random policies and requests from small alphabets, so that they often meet. */
import fc, { type Arbitrary } from 'fast-check';
import type { AuthorizationPolicy, PolicyOperation, PolicyRule, PolicySource } from '../../../src/config/model.ts';
import type { ResourceKey } from '../../../src/instance.ts';

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

/** What a policy set is made for. */
export interface World {
  readonly principals: readonly string[];
  readonly namespaces: readonly string[];
  readonly ports: readonly number[];
}

function source({ principals, namespaces }: World): Arbitrary<PolicySource> {
  const fields = fc.record({
    principals: some(pattern(fc.constantFrom(...principals))),
    namespaces: some(pattern(fc.constantFrom(...namespaces))),
  });
  return present(fields.map((value) => compact(value) as PolicySource | undefined));
}

function operation({ ports }: World): Arbitrary<PolicyOperation> {
  const fields = fc.record({
    methods: some(pattern(fc.constantFrom(...METHODS))),
    paths: some(fc.oneof({ weight: 2, arbitrary: pattern(path) }, { weight: 1, arbitrary: template })),
    ports: some(fc.constantFrom(...ports, 1).map(String)),
  });
  return present(fields.map((value) => compact(value) as PolicyOperation | undefined));
}

/** Policies of a namespace that guard all its workloads. */
export function policies(world: World, namespace: string): Arbitrary<AuthorizationPolicy[]> {
  const rule: Arbitrary<PolicyRule> = fc.record({
    from: fc.array(source(world), { maxLength: 2 }),
    to: fc.array(operation(world), { maxLength: 2 }),
  });
  const policy = fc.record({
    action: fc.constantFrom<AuthorizationPolicy['action']>('ALLOW', 'DENY'),
    rules: fc.array(rule, { maxLength: 3 }),
  });
  return fc.array(policy, { maxLength: 6 }).map((list) =>
    list.map(({ action, rules }, index) => {
      const name = `p${index}`;
      return { key: `${namespace}/${name}` as ResourceKey, name, namespace, action, rules };
    }),
  );
}

const TAIL = fc.constantFrom('', '?', '?a', '#a', '?/a/b', '/', '/"', '{', '/a');

export const request = fc.record({
  method: fc.constantFrom(...METHODS, 'CONNECT'),
  path: fc.option(
    fc.tuple(path, TAIL).map(([text, tail]) => text + tail),
    { nil: undefined, freq: 20 },
  ),
});

/** What an application sees of a promoted connection is what it sees over TCP, but for what the table says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { has, needs } from '../../support/capabilities.ts';
import { IPS, IPV6, Sandbox } from '../fastpath/sandbox.ts';
import type { Difference, SemanticCase } from './case.ts';
import { PARTS } from './cases.ts';
import { type Route, type Seen, Subject } from './subject.ts';

const ROUTES: readonly (readonly [string, Route])[] = [
  ['IPv4 on lo', { ip: '127.0.0.1', server: 'a' }],
  ['IPv6 on a veth', { ip: IPV6.b, server: 'b' }],
  ['an IPv4 client of an IPv6 listener, on a veth', { ip: `::ffff:${IPS.b}`, server: 'b' }],
];
const CASES = PARTS.flatMap(({ cases }) => cases);

function differences(tcp: Seen, promoted: Seen): Difference['seen'] {
  const labels = [...new Set([...Object.keys(tcp), ...Object.keys(promoted)])];
  return Object.fromEntries(
    labels
      .map((label) => [label, [tcp[label] ?? '-', promoted[label] ?? '-']] as const)
      .filter(([, [a, b]]) => a !== b),
  );
}

/** What may be seen: one thing, or two where the kernel cannot tell which of them it is. */
function expected({ differs }: SemanticCase): Difference['seen'][] {
  if (differs === undefined) return [{}];
  const { where, mended } = differs;
  if (where !== undefined && ('has' in where ? !has(where.has) : has(where.lacks))) return [{}];
  return mended ? [differs.seen, {}] : [differs.seen];
}

/** A subject in no member's cgroup, whose connections stay TCP, and one in a member's. */
class Both implements AsyncDisposable {
  readonly sandbox = new Sandbox();
  readonly tcp: Subject;
  readonly fast: Subject;

  constructor(route: Route) {
    this.tcp = new Subject(this.sandbox, 'outside', route);
    this.fast = new Subject(this.sandbox, 'client', route);
  }

  /** The same case over both, and that the second really was promoted and redirected, or not, as the table says. */
  async compare({ name, way = 'redirected' }: SemanticCase): Promise<Difference['seen']> {
    const { fastPath } = this.sandbox;
    const linked = fastPath.count('LINKED');
    const redirected = fastPath.messages('REDIRECTED');
    await this.tcp.open(name);
    expect(fastPath.count('LINKED') - linked).toBe(0);
    await this.fast.open(name);
    // Where tc promotes it is promoted by now.
    if (fastPath.enter()) await Promise.all([this.tcp.talk(), this.fast.talk()]);
    const before = fastPath.messages('REDIRECTED');
    expect(fastPath.count('LINKED') - linked, 'connections linked').toBe(way === 'refused' ? 0 : 1);
    expect(before - redirected > 0, `messages redirected before the case: ${JSON.stringify(fastPath.outcomes())}`).toBe(
      way !== 'refused',
    );
    const [tcp, fast] = await Promise.all([this.tcp.run(), this.fast.run()]);
    const outcomes = JSON.stringify(fastPath.outcomes());
    expect(fastPath.messages('REDIRECTED') > before, `redirected in the case: ${outcomes}`).toBe(way === 'redirected');
    return differences(tcp, fast);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tcp[Symbol.asyncDispose]();
    await this.fast[Symbol.asyncDispose]();
    await this.sandbox[Symbol.asyncDispose]();
  }
}

describe.each(ROUTES)('over %s', needs('fast path'), (title, route) => {
  let both: Both;
  beforeAll(() => {
    both = new Both(route);
  });
  afterAll(async () => {
    await both[Symbol.asyncDispose]();
  });

  test('knows the cases of native/semantics and no others', async () => {
    expect((await both.tcp.list()).toSorted()).toEqual(CASES.map(({ name }) => name).toSorted());
  });

  for (const semantic of CASES.filter(({ once }) => once === undefined || title === ROUTES[0]?.[0])) {
    const verdict = semantic.differs === undefined ? 'is the same' : 'differs as the table says';
    test(`${semantic.name} ${verdict}`, needs(...(semantic.needs === undefined ? [] : [semantic.needs])), async () => {
      const seen = await both.compare(semantic);
      expect(seen, JSON.stringify(seen)).toBeOneOf(expected(semantic));
    });
  }
});

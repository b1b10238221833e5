import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { inNetns, netnsCookie } from '../../../src/bpf/netns.ts';
import { BpfObject } from '../../../src/bpf/object.ts';
import { attachTc, detachTc, queryTc, type TcPoint } from '../../../src/bpf/tc.ts';
import { needs } from '../../support/capabilities.ts';
import { definitions } from './definitions.ts';
import { compile, makeNetns } from './fixture.ts';

const object = BpfObject.open(compile('basic')).load();
afterAll(() => object[Symbol.dispose]());
const netns = makeNetns('a');
afterAll(() => netns[Symbol.dispose]());
const current = (): string => readlinkSync('/proc/thread-self/ns/net');

describe('inNetns', () => {
  const home = current();
  test('runs there and comes back', () => {
    const there = inNetns(netns.path, current);
    expect(there).toMatch(/^net:/);
    expect(there).not.toBe(home);
    expect(current()).toBe(home);
  });
  test('comes back when the function throws', () => {
    const fail = (): never => {
      throw new Error(current());
    };
    expect(() => inNetns(netns.path, fail)).toThrow(inNetns(netns.path, current));
    expect(current()).toBe(home);
  });
  test('nests', () => {
    using other = makeNetns('nested');
    const inner = inNetns(netns.path, () => [inNetns(other.path, current), current()]);
    expect(inner).toEqual([inNetns(other.path, current), inNetns(netns.path, current)]);
    expect(current()).toBe(home);
  });
  test('refuses an asynchronous function, which would run elsewhere', () => {
    expect(() => inNetns(netns.path, async () => {})).toThrow('the function returned a promise');
  });
  test('says which namespace is absent or is none', () => {
    expect(() => inNetns('/run/netns/absent', current)).toThrow(
      /^open network namespace \/run\/netns\/absent: .*ENOENT/,
    );
    expect(() => inNetns('/dev/null', current)).toThrow('enter network namespace /dev/null: invalid argument (EINVAL)');
  });
});

test('the cookie of a namespace is its own and stays', needs('cookie of a namespace'), () => {
  using other = makeNetns('b');
  const cookies = [netns.path, other.path, '/proc/self/ns/net'].map(netnsCookie);
  expect(new Set(cookies).size).toBe(3);
  expect(netnsCookie(netns.path)).toBe(cookies[0]);
});

describe('a tc program', () => {
  const point: TcPoint = { netns: netns.path, device: 'lo', direction: 'ingress', priority: 7, handle: 9 };
  const hits = (index: number): number =>
    object
      .map(definitions.hits)
      .getPerCpu(index)
      ?.reduce((sum, value) => sum + value) ?? 0;
  const send = (): void => {
    execFileSync('ip', ['netns', 'exec', netns.name, 'bash', '-c', 'echo >/dev/udp/127.0.0.1/9']);
  };

  test('is absent before it is attached, with and without a qdisc', () => {
    expect(queryTc(point)).toBeUndefined();
    expect(detachTc(point)).toBe(false);
    attachTc({ ...point, direction: 'egress', program: object.program('count') });
    expect(queryTc(point)).toBeUndefined();
    expect(detachTc({ ...point, direction: 'egress' })).toBe(true);
  });

  test('sees packets of its device, is replaced in place, and is detached', () => {
    attachTc({ ...point, program: object.program('count') });
    expect(queryTc(point)?.tag).toBe(object.program('count').tag);
    send();
    expect(hits(0)).toBeGreaterThan(0);
    expect(hits(1)).toBe(0);

    attachTc({ ...point, program: object.program('count_other') });
    expect(queryTc(point)?.tag).toBe(object.program('count_other').tag);
    const before = hits(0);
    send();
    expect(hits(0)).toBe(before);
    expect(hits(1)).toBeGreaterThan(0);
    const filters = execFileSync('tc', ['-n', netns.name, 'filter', 'show', 'dev', 'lo', 'ingress'], {
      encoding: 'utf8',
    });
    expect(filters.match(/handle 0x9/g)).toHaveLength(1);

    expect(detachTc(point)).toBe(true);
    expect(queryTc(point)).toBeUndefined();
    expect(detachTc(point)).toBe(false);
    const after = hits(1);
    send();
    expect(hits(1)).toBe(after);
  });

  test('stands beside others on the same device', () => {
    attachTc({ ...point, program: object.program('count') });
    attachTc({ ...point, priority: 8, program: object.program('count_other') });
    expect(queryTc(point)?.tag).toBe(object.program('count').tag);
    expect(queryTc({ ...point, priority: 8 })?.tag).toBe(object.program('count_other').tag);
    expect(detachTc(point)).toBe(true);
    expect(queryTc({ ...point, priority: 8 })).toBeDefined();
    detachTc({ ...point, priority: 8 });
  });

  test('on a device that is absent says which', () => {
    expect(() => attachTc({ ...point, device: 'absent0', program: object.program('count') })).toThrow(
      `attach program count to ingress of absent0 in ${netns.path}: no such device (ENODEV)`,
    );
    expect(() => queryTc({ ...point, device: 'absent0' })).toThrow('ENODEV');
  });

  test('of another type is refused with the kernel’s reason', () => {
    expect(() => attachTc({ ...point, program: object.program('deny') })).toThrow(
      /^attach program deny to ingress of lo in .*: invalid argument \(EINVAL\)/,
    );
  });
});

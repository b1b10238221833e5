import { existsSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { cgroupId } from '../../../src/bpf/cgroup.ts';
import { BpfLink } from '../../../src/bpf/link.ts';
import { BpfObject } from '../../../src/bpf/object.ts';
import { BpfProgram } from '../../../src/bpf/program.ts';
import { definitions } from './definitions.ts';
import { compile, connectFrom, makeCgroup, makePinPath } from './fixture.ts';

const object = BpfObject.open(compile('basic')).load();
afterAll(() => object[Symbol.dispose]());
const cgroup = makeCgroup('link');
afterAll(() => cgroup[Symbol.dispose]());
const allow = object.program('allow');
const deny = object.program('deny');

describe('a link to a cgroup', () => {
  test('works until it is disposed, and disposing twice is safe', () => {
    const link = deny.attachCgroup(cgroup.path);
    expect(connectFrom(cgroup.path)).toBe(false);
    link[Symbol.dispose]();
    link[Symbol.dispose]();
    expect(connectFrom(cgroup.path)).toBe(true);
    expect(() => link.fd).toThrow('was used after it was closed');
    expect(() => link.update(allow)).toThrow('was used after it was closed');
  });

  test('replaces its program', () => {
    using link = deny.attachCgroup(cgroup.path);
    link.update(allow);
    expect(link.programTag()).toBe(allow.tag);
    expect(connectFrom(cgroup.path)).toBe(true);
  });

  test('keeps the old program attached when the update fails', () => {
    using link = deny.attachCgroup(cgroup.path);
    expect(() => link.update(object.program('other_hook'))).toThrow(
      /^replace the program of link deny on .* by other_hook: invalid argument \(EINVAL\)/,
    );
    expect(link.programTag()).toBe(deny.tag);
    expect(connectFrom(cgroup.path)).toBe(false);
  });

  test('that is pinned stays attached after dispose, and is adopted from its pin', () => {
    using pins = makePinPath('link');
    const path = `${pins.path}/links/deny`;
    {
      using link = deny.attachCgroup(cgroup.path);
      link.pin(path);
      expect(() => link.pin(path)).toThrow('EEXIST');
    }
    expect(connectFrom(cgroup.path)).toBe(false);
    {
      using adopted = BpfLink.open(path);
      expect(adopted.programTag()).toBe(deny.tag);
      adopted.update(allow);
      expect(connectFrom(cgroup.path)).toBe(true);
      adopted.update(deny);
      adopted.unpin();
      expect(existsSync(path)).toBe(false);
      expect(connectFrom(cgroup.path)).toBe(false);
    }
    expect(connectFrom(cgroup.path)).toBe(true);
  });

  test('can be detached although it is pinned', () => {
    using pins = makePinPath('detach');
    using link = deny.attachCgroup(cgroup.path);
    link.pin(`${pins.path}/deny`);
    link.detach();
    expect(connectFrom(cgroup.path)).toBe(true);
  });

  test('is E_BPF_ATTACH when the cgroup is absent, and names both', () => {
    expect(() => deny.attachCgroup('/sys/fs/cgroup/absent')).toThrow(
      /^attach program deny to cgroup \/sys\/fs\/cgroup\/absent: .*ENOENT/,
    );
  });
});

describe('a pinned program', () => {
  test('is opened again with the same tag, and cannot be attached to a cgroup', () => {
    using pins = makePinPath('program');
    deny.pin(`${pins.path}/deny`);
    using pinned = BpfProgram.openPinned(`${pins.path}/deny`);
    expect(pinned.tag).toBe(deny.tag);
    expect(() => pinned.attachCgroup(cgroup.path)).toThrow('has no attach type; load the object');
    pinned[Symbol.dispose]();
    expect(() => pinned.tag).toThrow('was used after it was closed');
  });
});

describe('a program on a map of sockets', () => {
  test('is attached, replaced and detached once', () => {
    const sockets = object.map(definitions.sockets);
    const verdict = object.program('verdict');
    verdict.attachToMap(sockets, 'sk_msg');
    verdict.attachToMap(sockets, 'sk_msg');
    verdict.detachFromMap(sockets, 'sk_msg');
    expect(() => verdict.detachFromMap(sockets, 'sk_msg')).toThrow(
      /^detach program verdict from map sockets: .*ENOENT/,
    );
  });
  test('of another type is refused', () => {
    expect(() => deny.attachToMap(object.map(definitions.sockets), 'sk_msg')).toThrow(
      /^attach program deny to map sockets: invalid argument/,
    );
  });
});

test('the id of a cgroup is its own, and what is no cgroup has none', () => {
  using other = makeCgroup('id');
  expect(cgroupId(other.path)).not.toBe(cgroupId(cgroup.path));
  expect(() => cgroupId('/tmp')).toThrow('/tmp: not a cgroup v2 directory');
  expect(() => cgroupId(`${other.path}/absent`)).toThrow('ENOENT');
});

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { type Attach, kernelAttach } from '../../../src/dataplane/attach.ts';
import { LINK_HOOKS } from '../../../src/dataplane/hooks.ts';
import { namesIn, retiredDir, unpublishedDir } from '../../../src/dataplane/layout.ts';
import { lockPins } from '../../../src/dataplane/lock.ts';
import { BUILT_OBJECTS } from '../../../src/dataplane/objects.ts';
import { openDataplane } from '../../../src/dataplane/open.ts';
import { removeDataplane } from '../../../src/dataplane/remove.ts';
import { needs } from '../../support/capabilities.ts';
import { compile } from '../bpf/fixture.ts';
import { Sandbox } from './sandbox.ts';

const CGROUP_PROGRAMS = LINK_HOOKS.map(({ program }) => program);

describe('a data plane that is made or removed half-way', needs('capture', 'fast path'), () => {
  let sandbox: Sandbox;
  beforeEach(() => {
    sandbox = new Sandbox();
  });
  afterEach(async () => {
    await sandbox[Symbol.asyncDispose]();
  });

  const expectNothing = (): void => {
    expect(namesIn(sandbox.instance.bpfRoot)).toEqual([]);
    expect(sandbox.attached()).toEqual([]);
  };
  const expectWhole = (): void => {
    expect(namesIn(sandbox.instance.bpfRoot)).toEqual([basename(sandbox.instance.pinDir)]);
    expect(sandbox.attached().sort()).toEqual([...CGROUP_PROGRAMS].sort());
  };
  /** The step for one program fails. */
  const failing = (at: string): Partial<Attach> => ({
    cgroup(program, cgroup) {
      if (program.name === at) throw new Error(`${at} refused`);
      return kernelAttach.cgroup(program, cgroup);
    },
    socketHash(program, map) {
      if (program.name === at) throw new Error(`${at} refused`);
      kernelAttach.socketHash(program, map);
    },
    publish(from, to) {
      if (at === 'publish') throw new Error(`${at} refused`);
      kernelAttach.publish(from, to);
    },
  });

  it.each(['redirect', 'connect4', 'socket_options', 'publish'])(
    'leaves nothing when %s is refused, and can be made afterwards',
    (step) => {
      const attach = failing(step);
      expect(() => openDataplane(sandbox.instance, { attach })).toThrow(`${step} refused`);
      expectNothing();
      using dataplane = openDataplane(sandbox.instance);
      expect(dataplane.opened).toEqual({ adopted: false, changes: ['created'] });
      expectWhole();
    },
  );

  it.each(['connect4', 'socket_options', 'publish'])('is removed when its maker was killed at %s', async (step) => {
    const maker = sandbox.spawn('a', sandbox.instance.cgroup, 'open.ts', sandbox.instance.name, step);
    expect(await maker.ended()).toBe('SIGKILL');
    expect(namesIn(sandbox.instance.bpfRoot)).toEqual(['new']);
    expect(removeDataplane(sandbox.instance)).toEqual({ removed: true, openSockets: 0, problems: [] });
    expectNothing();
  });

  it('is replaced by a whole one when its maker was killed', async () => {
    const maker = sandbox.spawn('a', sandbox.instance.cgroup, 'open.ts', sandbox.instance.name, 'publish');
    await maker.ended();
    expect(existsSync(unpublishedDir(sandbox.instance))).toBe(true);
    using _dataplane = openDataplane(sandbox.instance);
    expectWhole();
  });

  it('is not adopted when its removal was cut short', () => {
    openDataplane(sandbox.instance)[Symbol.dispose]();
    renameSync(sandbox.instance.pinDir, retiredDir(sandbox.instance));
    using dataplane = openDataplane(sandbox.instance);
    expect(dataplane.opened.adopted).toBe(false);
    expectWhole();
  });

  it('leaves a namespace as it was when one of its filters is refused', () => {
    const tc: Attach['tc'] = (point) => {
      if (point.device === 'lo') throw new Error('lo refused');
      kernelAttach.tc(point);
    };
    using dataplane = openDataplane(sandbox.instance, { attach: { tc } });
    expect(() => dataplane.attachNamespace(sandbox.netnsPath('a'))).toThrow('lo refused');
    expect(sandbox.filters('a', 'eth0')).toEqual([]);
  });

  it('is not touched while another process changes it', () => {
    using _lock = lockPins(sandbox.instance);
    const locked = expect.objectContaining({ code: 'E_LOCKED' });
    expect(() => openDataplane(sandbox.instance)).toThrow(locked);
    expect(() => removeDataplane(sandbox.instance)).toThrow(locked);
    expectNothing();
  });

  it('is refused beside one of another ABI version, and removing takes both', () => {
    mkdirSync(join(sandbox.instance.bpfRoot, 'v999', 'maps'), { recursive: true });
    expect(() => openDataplane(sandbox.instance)).toThrow(expect.objectContaining({ code: 'E_ABI' }));
    removeDataplane(sandbox.instance);
    expectNothing();
  });
});

test('captures without the fast path where the kernel refuses it, and says why', needs('capture'), async () => {
  await using sandbox = new Sandbox();
  const objects = mkdtempSync(join(tmpdir(), 'shunt-refused-'));
  try {
    copyFileSync(join(BUILT_OBJECTS, 'capture.bpf.o'), join(objects, 'capture.bpf.o'));
    copyFileSync(compile('refused'), join(objects, 'fastpath.bpf.o'));
    using dataplane = openDataplane(sandbox.instance, { objects });
    expect(dataplane.opened.fastPathRefusal).toMatch(/^load fastpath\.bpf\.o, program unchecked: .*EACCES/);
    expect(dataplane.attachNamespace(sandbox.netnsPath('a'))).toBe(1);
    expect(dataplane.readFlows()).toEqual([]);
    const capture = LINK_HOOKS.filter(({ object }) => object === 'capture').map(({ program }) => program);
    expect(sandbox.attached().sort()).toEqual(capture.sort());
  } finally {
    rmSync(objects, { recursive: true });
  }
});

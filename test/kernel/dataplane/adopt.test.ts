import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BpfProgram } from '../../../src/bpf/program.ts';
import { kernelAttach } from '../../../src/dataplane/attach.ts';
import { LINK_HOOKS } from '../../../src/dataplane/hooks.ts';
import { type OpenDataplaneOptions, openDataplane } from '../../../src/dataplane/open.ts';
import { removeDataplane } from '../../../src/dataplane/remove.ts';
import { needs } from '../../support/capabilities.ts';
import { otherBuild } from './other-build.ts';
import { IPS, PORTS, Sandbox } from './sandbox.ts';

const WEB = `${IPS.web}/${PORTS.web}`;
const SETTINGS = { outboundPort: PORTS.proxy, promoteAfterSegments: 8, maxQueuedBytes: 1 << 20 };

describe('adopting a data plane', needs('capture', 'fast path'), () => {
  let sandbox: Sandbox;
  let objects: string;

  const open = (options?: OpenDataplaneOptions) => openDataplane(sandbox.instance, options);
  const allLinks = LINK_HOOKS.map(({ program }) => program).sort();

  beforeAll(async () => {
    objects = otherBuild();
    sandbox = new Sandbox();
    await sandbox.start('a', sandbox.instance.envoyCgroup, 'listen.py', '127.0.0.1', `${PORTS.proxy}`);
  });
  beforeEach(() => {
    using dataplane = open();
    dataplane.applySettings(SETTINGS);
    dataplane.applyDestinations(sandbox.topology);
  });
  afterEach(() => {
    expect(removeDataplane(sandbox.instance).problems).toEqual([]);
  });
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]();
    rmSync(objects, { recursive: true });
  });

  const captures = (): unknown => sandbox.run('a', sandbox.cgroup('a'), 'connect.py', WEB);
  const captured = [{ peer: [IPS.web, PORTS.web] }];

  it('goes on while nobody holds it, after its opener was killed with SIGKILL', async () => {
    const opener = sandbox.spawn('a', sandbox.instance.cgroup, 'open.ts', sandbox.instance.name);
    expect(await opener.next()).toEqual({ adopted: true, changes: [] });
    const before = sandbox.links();
    expect(captures()).toMatchObject(captured);
    opener.kill('SIGKILL');
    expect(await opener.ended()).toBe('SIGKILL');
    expect(captures()).toMatchObject(captured);

    using dataplane = open();
    expect(dataplane.opened).toEqual({ adopted: true, changes: [] });
    expect(dataplane.readCounters()['connect-captured']).toBe(2n);
    expect(Object.keys(before)).toEqual(allLinks);
    expect(sandbox.links()).toEqual(before);
    expect(captures()).toMatchObject(captured);
    expect(dataplane.readCounters()['connect-captured']).toBe(3n);
  });

  it('replaces the programs of another build in the same links, with the same maps', () => {
    expect(captures()).toMatchObject(captured);
    const before = sandbox.links();
    using dataplane = open({ objects });
    const after = sandbox.links();
    for (const name of allLinks) expect(after[name]?.tag, name).not.toBe(before[name]?.tag);
    for (const name of allLinks) expect(after[name]?.id, name).toBe(before[name]?.id);
    expect(captures()).toMatchObject(captured);
    expect(dataplane.readCounters()['connect-captured']).toBe(2n);
  });

  it('brings the filters of a namespace to the new build', () => {
    using old = open();
    expect(old.attachNamespace(sandbox.netnsPath('b'))).toBe(3);
    using dataplane = open({ objects });
    expect(dataplane.attachNamespace(sandbox.netnsPath('b'))).toBe(3);
    expect(dataplane.attachNamespace(sandbox.netnsPath('b'))).toBe(0);
    expect(sandbox.filters('b', 'eth0').filter((line) => line.includes(' tag '))).toHaveLength(2);
  });

  it('gives all links their old programs back when one update fails', () => {
    const before = sandbox.links();
    const updated: BpfProgram[] = [];
    const update: (typeof kernelAttach)['update'] = (link, program) => {
      if (updated.length === 3) throw new Error('no fourth update');
      updated.push(program);
      kernelAttach.update(link, program);
    };
    expect(() => open({ objects, attach: { update } })).toThrow('no fourth update');
    expect(updated).toHaveLength(3);
    expect(sandbox.links()).toEqual(before);
    expect(captures()).toMatchObject(captured);
  });

  it('attaches again where the cgroup was removed and made again', () => {
    const { workloadsCgroup } = sandbox.instance;
    for (const path of [sandbox.cgroup('a'), sandbox.cgroup('b'), workloadsCgroup]) rmdirSync(path);
    mkdirSync(sandbox.cgroup('a'), { recursive: true });
    mkdirSync(sandbox.cgroup('b'));
    expect(captures()).toEqual([{ error: 101 }]);
    using dataplane = open();
    expect(dataplane.opened.changes).toContain(`attached again connect4 on ${workloadsCgroup}`);
    expect(captures()).toMatchObject(captured);
  });

  it('keeps a pause, and settings do not end it', () => {
    {
      using dataplane = open();
      dataplane.pause();
    }
    using dataplane = open();
    dataplane.applySettings(SETTINGS);
    expect(dataplane.isPaused()).toBe(true);
    dataplane.resume();
    expect(dataplane.isPaused()).toBe(false);
  });

  it('detaches the fast path when it is switched off, and attaches it when it is switched on again', () => {
    {
      using dataplane = open();
      dataplane.attachNamespace(sandbox.netnsPath('b'));
    }
    {
      using dataplane = open({ fastPath: false });
      expect(dataplane.attachNamespace(sandbox.netnsPath('b'))).toBe(2);
      const capture = LINK_HOOKS.filter(({ object }) => object === 'capture').map(({ program }) => program);
      expect(Object.keys(sandbox.links())).toEqual(capture.sort());
      expect(sandbox.filters('b', 'lo')).toEqual([]);
      expect(captures()).toMatchObject(captured);
    }
    using dataplane = open();
    expect(dataplane.attachNamespace(sandbox.netnsPath('b'))).toBe(2);
    expect(Object.keys(sandbox.links())).toEqual(allLinks);
  });
});

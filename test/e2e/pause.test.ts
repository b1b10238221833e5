import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { documents, ECHO, LOAD } from './resources.ts';

interface LoadResult {
  readonly allowed: number;
  readonly wrong: readonly string[];
  readonly failed: readonly string[];
}

describe('a workload that is paused, under load', () => {
  let mesh: Mesh;
  /** Of the first requests, before echo listened. */
  let failedBefore: number;

  beforeAll(async () => {
    mesh = await TestMesh.up(documents(ECHO, LOAD));
    await waitFor('the load runs', () => (load()?.allowed ?? 0) > 50);
    failedBefore = load()?.failed.length ?? 0;
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  function load(): LoadResult | undefined {
    const lines = readFileSync(join(mesh.instance.logDir, 'default.load.log'), 'utf8').trimEnd().split('\n');
    const last = lines.findLast((line) => line.startsWith('{') && line.endsWith('}'));
    return last === undefined ? undefined : (JSON.parse(last) as LoadResult);
  }

  /** Waits for so many requests more. */
  async function more(count: number): Promise<void> {
    const before = load()?.allowed ?? 0;
    await waitFor(`${count} more requests`, () => (load()?.allowed ?? 0) >= before + count);
  }

  /** Bytes that each pair sent from socket to socket, by `from>to`. */
  async function redirected(): Promise<Map<string, number>> {
    const { pairs } = await mesh.api.pairs();
    return new Map(pairs.map(({ from, to, bytes }) => [`${from}>${to}`, bytes.redirected ?? 0]));
  }

  /** Pairs that redirected something while 40 requests were answered. */
  async function active(): Promise<string[]> {
    const before = await redirected();
    await more(40);
    return [...(await redirected())].filter(([pair, bytes]) => bytes > (before.get(pair) ?? 0)).map(([pair]) => pair);
  }

  it('sends and receives by TCP from the next message on, and the others go on', async () => {
    await waitFor('all is redirected', async () => (await active()).length === 4);
    await mesh.ok('pause', 'load');
    expect((await active()).sort()).toEqual(['default/echo>envoy', 'envoy>default/echo']);
  });

  it('is shown by status and workloads', async () => {
    const { fastPath } = await mesh.api.status();
    expect(fastPath).toMatchObject({ state: 'on', pausedWorkloads: ['default/load'] });
    expect((await mesh.ok('status')).stdout).toMatch(/^paused +default\/load$/m);
    expect((await mesh.ok('workloads')).stdout).toMatch(/^default\/load .* auto, paused /m);
  });

  it('stays so when another supervisor takes over, when resources are applied, and when all are resumed', async () => {
    process.kill((await mesh.api.status()).supervisor.pid, 'SIGKILL');
    await waitFor('the supervisor is gone', async () => (await mesh.cli('status')).stderr.includes('E_NOT_RUNNING'));
    await mesh.apply(documents(ECHO, LOAD));
    await mesh.ok('pause');
    await mesh.ok('resume');
    expect((await mesh.api.status()).fastPath.pausedWorkloads).toEqual(['default/load']);
    expect((await active()).sort()).toEqual(['default/echo>envoy', 'envoy>default/echo']);
  });

  it('goes on when it is resumed', async () => {
    await mesh.ok('resume', 'default/load');
    expect((await mesh.api.status()).fastPath.pausedWorkloads).toEqual([]);
    await waitFor('all is redirected', async () => (await active()).length === 4);
  });

  it('has lost nothing, however often that changes', async () => {
    for (let round = 0; round < 10; round++) {
      await mesh.api.pause(round % 2 === 0 ? 'default/load' : 'default/echo');
      await more(5);
      await mesh.api.resume(round % 2 === 0 ? 'default/load' : 'default/echo');
      await more(5);
    }
    expect(load()?.wrong).toEqual([]);
    expect(load()?.failed.slice(failedBefore)).toEqual([]);
  });

  it('redirects nothing when the mesh turns the fast path off, and everything when it turns it on again', async () => {
    const off = 'kind: Mesh\nmetadata: { name: mesh }\nspec: { fastPath: { enabled: false } }\n';
    const { failed = [] } = load() ?? {};
    await mesh.apply(documents(ECHO, LOAD, `\napiVersion: shunt.dev/v1alpha1\n${off}`));
    const redirected = async (): Promise<number> => (await mesh.api.status()).counters['messages-redirected'] ?? 0;
    // Those that were under way.
    await more(20);
    const before = await redirected();
    await more(100);
    expect(await redirected()).toBe(before);
    // Promoted sockets that live go on being looked after.
    expect(readdirSync(join(mesh.instance.pinDir, 'links'))).toContain('socket_options');
    await mesh.apply(documents(ECHO, LOAD));
    await waitFor('all is redirected', async () => (await active()).length === 4);
    expect(load()?.failed).toEqual(failed);
    expect(load()?.wrong).toEqual([]);
  });

  it('must exist', async () => {
    expect(await mesh.cli('pause', 'nobody')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('default/nobody: no such workload'),
    });
  });
});

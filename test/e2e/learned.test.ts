import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestMesh as Mesh, ROOT, TestMesh, waitFor } from '../support/mesh.ts';
import { CACHE, documents } from './resources.ts';

const TOGGLE = `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: toggle }
spec:
  serviceAccount: client
  run: { command: ["python3", "${join(ROOT, 'test/e2e/programs/toggle.py')}", "cache", "6379"] }
`;

describe('a workload that makes promoted sockets blocking', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await TestMesh.up(documents(CACHE, TOGGLE));
  });
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  const learned = async (): Promise<readonly string[]> =>
    (await mesh.api.status()).fastPath.learned.map(({ workload }) => workload);
  const promoted = async (): Promise<number> =>
    (await mesh.api.pairs()).pairs
      .filter(({ from }) => from === 'default/toggle')
      .reduce((sum, { open }) => sum + open, 0);
  const restarts = async (): Promise<number | undefined> =>
    (await mesh.api.workloads()).find(({ key }) => key === 'default/toggle')?.restarts;

  it('is noticed, told, and stays off the fast path', async () => {
    await waitFor('it is learned', async () => (await learned()).includes('default/toggle'));
    expect((await mesh.ok('status')).stdout).toMatch(/^learned +default\/toggle makes promoted sockets blocking/m);
    await waitFor('none of its sockets is promoted', async () => (await promoted()) === 0);
    const { counters } = await mesh.api.status();
    expect(counters['became-blocking']).toBeGreaterThanOrEqual(1);
  });

  it('stays so when another supervisor takes over', async () => {
    const { supervisor } = await mesh.api.status();
    process.kill(supervisor.pid, 'SIGKILL');
    await waitFor('the supervisor is gone', async () => (await mesh.cli('status')).stderr.includes('E_NOT_RUNNING'));
    await mesh.apply(documents(CACHE, TOGGLE));
    expect(await learned()).toEqual(['default/toggle']);
    expect(await promoted()).toBe(0);
  });

  it('is explained', async () => {
    const socket = await waitFor('a connection of it', async () =>
      (await mesh.api.connections()).find(({ workload }) => workload === 'default/toggle'),
    );
    expect(socket).toMatchObject({
      phase: 'outside',
      sentences: ['its workload makes promoted sockets blocking, so it stays off the fast path (shunt forget)'],
    });
  });

  it('is promoted again when that is forgotten, and learned of again', async () => {
    await mesh.ok('forget', 'toggle');
    await waitFor('it is learned again', async () => (await learned()).includes('default/toggle'));
    expect((await mesh.api.status()).counters['became-blocking']).toBeGreaterThanOrEqual(2);
    expect(await mesh.cli('forget', 'nobody')).toMatchObject({ code: 2 });
  });

  it('was never hurt by it', async () => {
    expect(await restarts()).toBe(0);
    expect(readFileSync(join(mesh.instance.logDir, 'default.toggle.log'), 'utf8')).toBe('');
  });
});

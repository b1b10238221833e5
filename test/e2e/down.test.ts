import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { loadedPrograms, machineSnapshot, pinnedPrograms } from '../support/snapshot.ts';
import { CACHE, documents, ECHO, LOAD } from './resources.ts';

const ALL = documents(ECHO, CACHE, LOAD);

/** Runs `damage` on a mesh that is up, takes it down and compares the machine with what it was before. */
async function restored(damage: (mesh: Mesh) => Promise<void> | void): Promise<void> {
  const mesh = await TestMesh.up('apiVersion: shunt.dev/v1alpha1\nkind: Workload\nmetadata: { name: first }\n');
  await mesh.ok('down');
  const before = machineSnapshot(mesh.instance.name);
  await mesh.apply(ALL);
  await waitFor(
    'the mesh carries traffic',
    async () => ((await mesh.api.status()).counters['connect-captured'] ?? 0) > 0,
  );
  const during = machineSnapshot(mesh.instance.name);
  expect(during.namespaces?.length).toBe(3);
  const programs = pinnedPrograms(mesh.instance);
  expect(programs.length).toBeGreaterThan(5);
  await damage(mesh);
  await mesh[Symbol.asyncDispose]();
  expect(machineSnapshot(mesh.instance.name)).toEqual(before);
  // Sockets that close hold their programs for a moment longer.
  await waitFor('the kernel has freed every program', () => {
    const left = loadedPrograms();
    return programs.every((id) => !left.includes(id));
  });
}

describe('shunt down restores the machine', () => {
  it('after an orderly life', async () => {
    await restored(() => undefined);
  });

  it('after the supervisor was killed', async () => {
    await restored(async (mesh) => {
      process.kill((await mesh.api.status()).supervisor.pid, 'SIGKILL');
    });
  });

  it('without any state file', async () => {
    await restored(async (mesh) => {
      const { supervisor } = await mesh.api.status();
      process.kill(supervisor.pid, 'SIGKILL');
      rmSync(mesh.instance.runDir, { recursive: true });
    });
  });

  it('and ends the supervisor, though somebody holds a connection to it', async () => {
    const mesh = await TestMesh.up(ECHO);
    const { supervisor } = await mesh.api.status();
    const silent = connect(mesh.instance.apiSocket);
    await once(silent, 'connect');
    await mesh[Symbol.asyncDispose]();
    await waitFor('the supervisor has ended', () => !existsSync(`/proc/${supervisor.pid}/exe`));
    silent.destroy();
  });

  it('when it is run a second time, and says that there is nothing', async () => {
    const mesh = await TestMesh.up(ECHO);
    await mesh.ok('down');
    expect((await mesh.ok('down')).stdout).toBe('nothing to remove\n');
    await mesh[Symbol.asyncDispose]();
  });
});

it('a first up that is refused takes nothing down that another one applied at the same time', async () => {
  const mesh = await TestMesh.up(ECHO);
  await mesh.ok('down');
  const bad = join(mesh.dir, '../', `${mesh.instance.name}.yaml`);
  writeFileSync(bad, ECHO.replace(/command: .*/, 'command: [/no/such/program] }'));
  try {
    const [good, refused] = await Promise.all([mesh.cli('up', '-f', mesh.dir), mesh.cli('up', '-f', bad)]);
    expect(refused).toMatchObject({ code: 1 });
    // Which of the two came first is anybody's guess; what was said must be so.
    const { code } = await mesh.cli('workloads');
    if (good.code === 0) expect(code).toBe(0);
    else expect(good.stderr).toMatch(/^shunt: E_NOT_RUNNING: .*\n$/);
  } finally {
    rmSync(bad);
    await mesh[Symbol.asyncDispose]();
  }
});

it('a first up in the foreground that is refused leaves the machine as it was', async () => {
  const mesh = await TestMesh.up(ECHO);
  await mesh.ok('down');
  const before = machineSnapshot(mesh.instance.name);
  writeFileSync(join(mesh.dir, 'mesh.yaml'), ECHO.replace(/command: .*/, 'command: [/no/such/program] }'));
  const outcome = await mesh.cli('up', '--foreground', '-f', mesh.dir);
  const after = machineSnapshot(mesh.instance.name);
  await mesh[Symbol.asyncDispose]();
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('shunt: E_WORKLOAD: ') });
  expect(after).toEqual(before);
});

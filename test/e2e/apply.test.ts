import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { machineSnapshot } from '../support/snapshot.ts';
import { documents, ECHO } from './resources.ts';

/** Path and text of each file. */
function textsBelow(dir: string): string[][] {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => [name, readFileSync(join(parentPath, name), 'utf8')]).sort();
}

describe('shunt up', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await TestMesh.up(ECHO);
    await waitFor('echo answers', async () => (await code('client', '/ok')) === '200');
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  async function code(account: string, path: string): Promise<string> {
    const url = `http://echo${path}`;
    return (await mesh.runAs(account, 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-m', '10', url)).stdout;
  }

  it('changes nothing when nothing changed', async () => {
    const before = await mesh.api.workloads();
    expect((await mesh.apply(ECHO)).stdout).toBe('no change\n');
    const after = await mesh.api.workloads();
    expect(after.map(({ key, pids }) => [key, pids])).toEqual(before.map(({ key, pids }) => [key, pids]));
  });

  it('puts a changed policy into force and keeps the process of the workload', async () => {
    const [echo] = await mesh.api.workloads();
    expect((await mesh.apply(ECHO.replace('/ok*', '/other*'))).stdout).toBe('~ policy default/echo-clients\n');
    expect(await code('client', '/ok')).toBe('403');
    expect(await code('client', '/other')).toBe('200');
    await mesh.apply(ECHO);
    expect(await code('client', '/ok')).toBe('200');
    expect((await mesh.api.workloads())[0]?.pids).toEqual(echo?.pids);
  });

  it('refuses bad resources with the place, and the old policy stays in force', async () => {
    const bad = await mesh.apply(ECHO.replace('methods:', 'verbs:')).catch((error: Error) => error.message);
    expect(bad).toMatch(/mesh\.yaml:\d+:\d+: .*verbs/);
    expect(await code('client', '/ok')).toBe('200');
    expect(await code('stranger', '/ok')).toBe('403');
  });

  it('applies nothing of resources of which one is bad', async () => {
    const before = machineSnapshot(mesh.instance.name);
    const workload = 'apiVersion: shunt.dev/v1alpha1\nkind: Workload\nmetadata: { name: late }\n';
    const mixed = documents(ECHO, `\n${workload}`, '\nkind: Nonsense\n');
    await expect(mesh.apply(mixed)).rejects.toThrow(/Nonsense/);
    expect(machineSnapshot(mesh.instance.name)).toEqual(before);
  });

  it('leaves everything as it was when the command of a workload cannot be executed', async () => {
    const { instance } = mesh;
    const state = async () => {
      const { envoy, services, workloads } = await mesh.api.status();
      const files = [instance.xdsDir, join(instance.runDir, 'hosts')].flatMap(textsBelow);
      const programs = readdirSync(join(instance.pinDir, 'programs'));
      return { machine: machineSnapshot(instance.name), files, programs, pid: envoy.pid, services, workloads };
    };
    const before = await state();
    const missing = `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: missing, labels: { app: missing } }
spec: { run: { command: [/no/such/program] } }
---
apiVersion: v1
kind: Service
metadata: { name: missing }
spec: { selector: { app: missing }, ports: [{ name: http, port: 80 }] }
---
apiVersion: shunt.dev/v1alpha1
kind: Mesh
metadata: { name: mesh }
spec: { fastPath: { enabled: false } }
`;
    const refused = mesh.apply(documents(ECHO.replace('/ok*', '/other*'), missing));
    await expect(refused).rejects.toThrow('E_WORKLOAD: workload default/missing: program "/no/such/program"');
    expect(await state()).toEqual(before);
    expect(await code('client', '/ok')).toBe('200');
    await mesh.apply(ECHO);
  });

  it('plan says what would change and changes nothing', async () => {
    writeFileSync(join(mesh.dir, 'mesh.yaml'), ECHO.replace('/ok*', '/planned*'));
    expect((await mesh.ok('plan', '-f', mesh.dir)).stdout).toBe('~ policy default/echo-clients\n');
    expect(await code('client', '/planned')).toBe('403');
    expect(await code('client', '/ok')).toBe('200');
  });

  it('adds and removes a workload beside those that run', async () => {
    const late =
      '\napiVersion: shunt.dev/v1alpha1\nkind: Workload\nmetadata: { name: late }\nspec: { run: { command: [sleep, "1000"] } }\n';
    expect((await mesh.apply(documents(ECHO, late))).stdout).toContain('+ workload default/late');
    await waitFor('late runs', async () =>
      (await mesh.api.workloads()).some(({ key, state }) => key === 'default/late' && state === 'running'),
    );
    expect((await mesh.apply(ECHO)).stdout).toBe('- workload default/late\n');
    expect((await mesh.api.workloads()).map(({ key }) => key)).toEqual(['default/echo']);
    expect(machineSnapshot(mesh.instance.name).namespaces).toHaveLength(1);
  });

  it('is no reason for status, flows and metrics not to answer while it removes workloads', async () => {
    // The second is removed when the first is gone, and takes its time.
    const stubborn = ['one', 'two'].map(
      (name) => `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: ${name} }
spec: { run: { command: [sh, -c, "trap '' TERM; while :; do sleep 0.1; done"] } }
`,
    );
    await mesh.apply(documents(ECHO, ...stubborn));
    let isDone = false;
    const removal = mesh.apply(ECHO).finally(() => {
      isDone = true;
    });
    const gone = join(mesh.instance.workloadsCgroup, 'default.one');
    await waitFor('the first is gone', () => isDone || !existsSync(gone));
    expect(isDone).toBe(false);
    const { workloads } = await mesh.api.status();
    expect(workloads.total).toBe(3);
    expect(await mesh.api.flows()).toBeInstanceOf(Array);
    expect(await mesh.api.metrics('text')).toContain('shunt_workload_running{workload="default/one"} 0');
    await removal;
  });

  it('starts a workload again when it dies', async () => {
    const [before] = await mesh.api.workloads();
    process.kill(before?.pids[0] ?? 0, 'SIGKILL');
    await waitFor('another process runs', async () => {
      const [now] = await mesh.api.workloads();
      return now?.state === 'running' && now.pids[0] !== before?.pids[0];
    });
    await waitFor('echo answers again', async () => (await code('client', '/ok')) === '200');
  });

  it('takes the fast path out of the kernel when the mesh turns it off, and puts it back', async () => {
    const off =
      'apiVersion: shunt.dev/v1alpha1\nkind: Mesh\nmetadata: { name: mesh }\nspec: { fastPath: { enabled: false } }\n';
    await mesh.apply(documents(ECHO, `\n${off}`));
    expect((await mesh.api.status()).fastPath.state).toBe('off');
    expect(readdirSync(join(mesh.instance.pinDir, 'programs'))).not.toContain('redirect');
    expect(await code('client', '/ok')).toBe('200');
    expect(await code('stranger', '/ok')).toBe('403');
    await mesh.apply(ECHO);
    expect((await mesh.api.status()).fastPath.state).toBe('on');
    expect(readdirSync(join(mesh.instance.pinDir, 'programs'))).toContain('redirect');
  });

  it('refuses a second supervisor of the same instance', async () => {
    const outcome = await mesh.cli('up', '--foreground', '-f', mesh.dir);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('E_LOCKED');
  });

  it('exits 2 for a command line that it does not understand', async () => {
    expect(await mesh.cli('no-such-command')).toMatchObject({ code: 2 });
    expect(await mesh.cli('up')).toMatchObject({ code: 2 });
  });
});

/** What an operator does while a load of all kinds runs through the mesh: every byte is checked, and none is lost. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workloadLog } from '../../src/workload/launch.ts';
import { ALL_WELL, type Tally } from '../kernel/chaos/load.ts';
import { otherBuild } from '../kernel/dataplane/other-build.ts';
import { finished, type TestMesh as Mesh, ROOT, TestMesh, waitFor } from '../support/mesh.ts';
import { patient } from '../support/patience.ts';

const CHAOS = join(ROOT, 'build/native/chaos');
const PORT = 7000;
/** Longer than all that an operator does in a test, which ends the load. */
const LOAD_SECONDS = 600;
/** Three processes on the way share the processors with commands: a stall is what does not end by itself. */
const STALL_MS = 3000;

const resources = (board: string): string => `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: chaos, labels: { app: chaos } }
spec:
  serviceAccount: chaos
  run: { command: ["${CHAOS}", "server", "--address", "127.0.0.1", "--port", "${PORT}", "--board", "${board}"] }
---
apiVersion: v1
kind: Service
metadata: { name: chaos }
spec:
  selector: { app: chaos }
  ports: [{ name: tcp-chaos, port: ${PORT} }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: chaos-clients }
spec:
  selector: { matchLabels: { app: chaos } }
  rules:
    - from: [{ source: { principals: ["cluster.local/ns/default/sa/client"] } }]
`;

/** A checkout with another build of the same programs, as after `git pull`. Dispose it: it is gone. */
function otherCheckout(): Disposable & { readonly shunt: string } {
  using undo = new DisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'shunt-checkout-'));
  undo.defer(() => rmSync(directory, { recursive: true }));
  for (const name of ['src', 'build', 'package.json']) {
    cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  }
  for (const name of ['node_modules', '.deps']) symlinkSync(join(ROOT, name), join(directory, name));
  const objects = otherBuild();
  undo.defer(() => rmSync(objects, { recursive: true }));
  cpSync(objects, join(directory, 'build/bpf'), { recursive: true });
  const kept = undo.move();
  return { shunt: join(directory, 'src/cli/shunt'), [Symbol.dispose]: () => kept.dispose() };
}

describe('nothing is lost of a load of all kinds when', () => {
  let mesh: Mesh;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'shunt-chaos-'));
    writeFileSync(join(directory, 'board'), '');
    mesh = await TestMesh.up(resources(join(directory, 'board')));
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  /** Does something while the load runs. */
  async function during(act: () => Promise<void>): Promise<void> {
    const server = 'set -- "$@" --address $(getent hosts chaos | cut -d" " -f1) && exec "$@"';
    const options = ['--board', join(directory, 'board'), '--port', PORT, '--seconds', LOAD_SECONDS];
    const stall = ['--stall-ms', patient(STALL_MS)];
    const command = ['sh', '-c', server, 'sh', CHAOS, 'client', '--client-ends-last', ...options, ...stall].map(String);
    const run = mesh.start('run', '--service-account', 'client', '--', ...command);
    const load = finished(run);
    const { redirectedBytes } = (await mesh.api.status()).fastPath;
    await waitFor('the load is redirected', async () => (await redirected()) > redirectedBytes + 1_000_000);
    try {
      await act();
    } finally {
      run.kill('SIGTERM');
    }
    const { code, stdout, stderr } = await load;
    expect(code, stderr).toBe(0);
    const tally = JSON.parse(stdout) as Tally;
    const complaints = readFileSync(workloadLog(mesh.instance, 'default/chaos'), 'utf8');
    expect(tally, `${stdout}${stderr}${complaints}`).toMatchObject(ALL_WELL);
    expect(tally.connections, stdout).toBeGreaterThan(20);
  }

  async function redirected(): Promise<number> {
    return (await mesh.api.status()).fastPath.redirectedBytes;
  }

  async function killSupervisor(): Promise<number> {
    const { pid } = (await mesh.api.status()).supervisor;
    process.kill(pid, 'SIGKILL');
    await waitFor('the supervisor is gone', async () => (await mesh.cli('status')).stderr.includes('E_NOT_RUNNING'));
    return pid;
  }

  it('the supervisor is killed, twice, and the next one adopts all', async () => {
    await during(async () => {
      for (let i = 0; i < 2; i += 1) {
        const before = await redirected();
        const pid = await killSupervisor();
        await mesh.ok('up', '-f', mesh.dir);
        expect((await mesh.api.status()).supervisor.pid).not.toBe(pid);
        await waitFor('redirects go on', async () => (await redirected()) > before);
      }
    });
  });

  it('the fast path is paused and resumed, all of it and one workload', async () => {
    await during(async () => {
      for (const words of [[], ['chaos']]) {
        await mesh.ok('pause', ...words);
        const before = await redirected();
        await mesh.ok('resume', ...words);
        await waitFor('redirects go on', async () => (await redirected()) > before);
      }
    });
  });

  it('another build takes over', async () => {
    using other = otherCheckout();
    try {
      await during(async () => {
        const before = await redirected();
        await killSupervisor();
        const up = spawn(other.shunt, ['--instance', mesh.instance.name, 'up', '-f', mesh.dir], { stdio: 'pipe' });
        const { code, stderr } = await finished(up);
        expect(code, stderr).toBe(0);
        expect(readFileSync(join(mesh.instance.logDir, 'supervisor.log'), 'utf8')).toContain('replaced socket_events');
        await waitFor('redirects go on', async () => (await redirected()) > before);
      });
    } finally {
      await killSupervisor();
      await mesh.ok('up', '-f', mesh.dir);
    }
  });
});

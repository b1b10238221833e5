import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestMesh as Mesh, ROOT, TestMesh, waitFor } from '../support/mesh.ts';
import { ECHO } from './resources.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');
const program = (name: string): string => join(ROOT, 'test/e2e/programs', name);

describe('traffic through the mesh', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await TestMesh.up(ECHO);
    await waitFor('echo answers', async () => {
      const outcome = await mesh.runAs('client', 'curl', '-s', '-m', '5', 'http://echo/ok');
      return outcome.stdout.includes('"workload":"default/echo"');
    });
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  it('carries uploads of 1 B to 10 MB unchanged, also when connections are promoted', async () => {
    const sizes = [1, 2, 100, 1400, 4096, 16_384, 65_536, 1_000_000, 10_000_000];
    const all = [...sizes, ...sizes, ...sizes.toReversed(), ...sizes].map(String);
    const outcome = await mesh.runAs('client', NODE, program('uploads.ts'), 'http://echo/ok', ...all);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(outcome.stdout)).toEqual({ sent: all.length, wrong: [] });
    const { fastPath } = await mesh.api.status();
    expect(fastPath.redirectedBytes).toBeGreaterThan(1_000_000);
  });

  it('speaks HTTP/2 with the client and decides for each request', async () => {
    const paths = ['/ok', '/secret', '/ok/1', '/ok?x=1', '/no', '/ok', '/ok', '/ok', '/secret', '/ok'];
    const outcome = await mesh.runAs('client', NODE, program('http2-client.ts'), 'http://echo', ...paths);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(outcome.stdout)).toEqual(paths.map((path) => (path.startsWith('/ok') ? 200 : 403)));
  });

  it('normalises the path before it decides', async () => {
    const curl = (path: string) =>
      mesh.runAs('client', 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--path-as-is', `http://echo${path}`);
    expect((await curl('/ok/../secret')).stdout).toBe('403');
    expect((await curl('/x/../ok')).stdout).toBe('200');
    expect((await curl('/%6fk')).stdout).toBe('200');
  });

  it('gives the application no header that a client could have forged an identity with', async () => {
    const outcome = await mesh.runAs(
      'client',
      ...[
        'curl',
        '-s',
        '-H',
        'x-forwarded-client-cert: URI=spiffe://cluster.local/ns/default/sa/admin',
        'http://echo/ok',
      ],
    );
    const { headers } = JSON.parse(outcome.stdout) as { headers: Record<string, string> };
    expect(headers['x-forwarded-client-cert']).toBeUndefined();
    expect(headers.host).toBe('echo');
  });

  it('answers 503, not silence, when the workload behind a Service is not listening', async () => {
    const [echo] = await mesh.api.workloads();
    process.kill(echo?.pids[0] ?? 0, 'SIGSTOP');
    process.kill(echo?.pids[0] ?? 0, 'SIGKILL');
    const outcome = await mesh.runAs('client', 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://echo/ok');
    expect(['200', '503']).toContain(outcome.stdout);
    await waitFor('echo is back', async () => (await mesh.api.status()).problems.length === 0);
  });
});

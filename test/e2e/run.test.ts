import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finished, type TestMesh as Mesh, TestMesh, waitFor } from '../support/mesh.ts';
import { CACHE, documents, ECHO } from './resources.ts';

describe('shunt run', () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await TestMesh.up(documents(ECHO, CACHE));
    await waitFor('echo answers', async () => (await curl('client', 'http://echo/ok')).stdout === '200');
    await waitFor('cache answers', async () => (await redis('client', 'PING')).stdout === 'PONG\n');
  });

  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  });

  const curl = (account: string, url: string, ...more: string[]) =>
    mesh.runAs(account, 'curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '10', ...more, url);
  const redis = (account: string, ...words: string[]) =>
    mesh.runAs(account, 'timeout', '5', 'redis-cli', '-h', 'cache', ...words);

  it('answers 200 to a caller that policy allows and 403 to one that it denies', async () => {
    expect((await curl('client', 'http://echo/ok')).stdout).toBe('200');
    expect((await curl('stranger', 'http://echo/ok')).stdout).toBe('403');
  });

  it('decides by path and method too', async () => {
    expect((await curl('client', 'http://echo/secret')).stdout).toBe('403');
    expect((await curl('client', 'http://echo/ok', '-X', 'DELETE')).stdout).toBe('403');
    expect((await curl('client', 'http://echo/ok/deeper?x=/secret')).stdout).toBe('200');
  });

  it('takes the caller from its namespace, whatever its headers claim', async () => {
    const forged = [
      ...[
        '-H',
        'x-forwarded-client-cert: By=spiffe://cluster.local/ns/default/sa/echo;URI=spiffe://cluster.local/ns/default/sa/client',
      ],
      ...['-H', 'x-shunt-source: default/client'],
      ...['-H', 'x-envoy-peer-metadata-id: default/client'],
    ];
    expect((await curl('stranger', 'http://echo/ok', ...forged)).stdout).toBe('403');
  });

  it('lets a workload that dials the address of a workload pass through the policy as well', async () => {
    const workloads = await mesh.api.workloads();
    const ip = workloads.find(({ key }) => key === 'default/echo')?.ip;
    expect((await curl('client', `http://${ip}:8080/ok`)).stdout).toBe('200');
    expect((await curl('stranger', `http://${ip}:8080/ok`)).stdout).toBe('403');
  });

  it('refuses a TCP connection that policy denies at connect', async () => {
    const denied = await mesh.runAs(
      'stranger',
      'python3',
      '-c',
      'import socket\ntry: socket.create_connection(("cache", 6379), 5)\nexcept PermissionError: print("EPERM")',
    );
    expect(denied.stdout).toBe('EPERM\n');
    const { counters } = await mesh.api.status();
    expect(counters['connect-denied']).toBeGreaterThan(0);
  });

  it('runs redis-benchmark against a Service', async () => {
    const outcome = await mesh.runAs(
      'client',
      ...['redis-benchmark', '-h', 'cache', '-n', '20000', '-c', '10', '-t', 'set,get', '-q'],
    );
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stdout).toMatch(/SET: [\d.]+ requests per second/);
    expect(outcome.stdout).toMatch(/GET: [\d.]+ requests per second/);
    const { fastPath } = await mesh.api.status();
    expect(fastPath.redirectedBytes).toBeGreaterThan(0);
  });

  it('shows the program the address that it asked for', async () => {
    const program =
      'import socket\ns = socket.create_connection(("cache", 6379), 5)\nprint(socket.gethostbyname("cache") == s.getpeername()[0], s.getpeername()[1])';
    expect((await mesh.runAs('client', 'python3', '-c', program)).stdout).toBe('True 6379\n');
  });

  it('leaves traffic to other addresses alone', async () => {
    const program = [
      'import socket, threading',
      'l = socket.create_server(("127.0.0.1", 0)); p = l.getsockname()',
      'c = socket.create_connection(p); s, _ = l.accept()',
      'print(c.getpeername() == p, s.getpeername() == c.getsockname())',
    ].join('\n');
    expect((await mesh.runAs('stranger', 'python3', '-c', program)).stdout).toBe('True True\n');
  });

  it('passes the exit status through', async () => {
    expect(await mesh.runAs('client', 'sh', '-c', 'exit 7')).toMatchObject({ code: 7 });
    expect(await mesh.runAs('client', 'sh', '-c', 'kill -9 $$')).toMatchObject({ code: 137 });
  });

  it('says which program it did not find', async () => {
    const outcome = await mesh.runAs('client', 'no-such-program');
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('no-such-program');
  });

  it('passes signals on, and removes the workload when the program ends', async () => {
    const child = mesh.start(
      'run',
      '--name',
      'sleeper',
      '--',
      'sh',
      '-c',
      'trap "exit 3" TERM; echo up; sleep 60 & wait',
    );
    const done = finished(child);
    await new Promise((next) => child.stdout?.once('data', next));
    expect((await mesh.api.workloads()).find(({ key }) => key === 'default/sleeper')?.state).toBe('running');
    child.kill('SIGTERM');
    expect(await done).toMatchObject({ code: 3 });
    expect((await mesh.api.workloads()).some(({ key }) => key === 'default/sleeper')).toBe(false);
  });

  it('removes the workload of a run that was killed', async () => {
    const child = mesh.start('run', '--name', 'orphan', '--', 'sleep', '1');
    await waitFor('the program runs', async () =>
      (await mesh.api.workloads()).some(({ key, pids }) => key === 'default/orphan' && pids.length > 0),
    );
    child.kill('SIGKILL');
    await waitFor('the workload is gone', async () =>
      (await mesh.api.workloads()).every(({ key }) => key !== 'default/orphan'),
    );
  });

  it('exits with the status of its program when the supervisor is gone by then', async () => {
    const go = join(mesh.instance.logDir, 'go');
    const script = `echo up; until [ -e ${go} ]; do sleep 0.1; done; exit 7`;
    const child = mesh.start('run', '--name', 'outlives', '--', 'sh', '-c', script);
    const done = finished(child);
    await new Promise((next) => child.stdout?.once('data', next));
    const { supervisor } = await mesh.api.status();
    process.kill(supervisor.pid, 'SIGKILL');
    await waitFor('the supervisor is gone', async () => (await mesh.cli('status')).stderr.includes('E_NOT_RUNNING'));
    writeFileSync(go, '');
    expect(await done).toMatchObject({
      code: 7,
      stderr: expect.stringMatching(/^shunt: workload default\/outlives is left to the next supervisor: [^\n]*\n$/),
    });
    await mesh.ok('up', '-f', mesh.dir);
    expect((await mesh.api.workloads()).some(({ key }) => key === 'default/outlives')).toBe(false);
  });
});

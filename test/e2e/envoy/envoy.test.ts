import { createHash, randomBytes } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AuthorizationPolicy } from '../../../src/config/model.ts';
import { OUTBOUND_PORT } from '../../../src/proxy/envoy/listeners.ts';
import { type Answer, EVIL, TestEnvoy, WEB } from './test-envoy.ts';

const ONLY_WEB_BELOW_API: AuthorizationPolicy = {
  key: 'default/only-web',
  name: 'only-web',
  namespace: 'default',
  action: 'ALLOW',
  rules: [
    { from: [{ principals: ['cluster.local/ns/default/sa/web'] }], to: [{ methods: ['GET'], paths: ['/api/*'] }] },
  ],
};

/** What the server says that it was asked. */
function seen(
  answer: Answer,
): { name: string; url: string; headers: Record<string, string> } & Record<string, unknown> {
  return JSON.parse(answer.body);
}

describe('Envoy with the generated configuration', () => {
  test('carries a request from one namespace to 127.0.0.1 of another and hides itself', async () => {
    await using envoy = await TestEnvoy.start();
    const answer = await envoy.curl(WEB, '/a//b?c=d', '-H', 'x-request-id: mine', '-H', 'host: api.default');
    expect(answer.status).toBe(200);
    expect(answer.head).toContain('server: the-application');
    expect(answer.head).not.toContain('x-envoy');
    const { headers, ...request } = seen(answer);
    expect(request).toMatchObject({ method: 'GET', url: '/a//b?c=d', httpVersion: '1.1', peer: '127.0.0.1' });
    expect(headers).toMatchObject({ 'x-request-id': 'mine', host: 'api.default' });
    expect(
      Object.keys(headers)
        .filter((name) => name.startsWith('x-'))
        .sort(),
    ).toEqual(['x-forwarded-proto', 'x-request-id']);
    expect(statSync(envoy.instance.envoyAdminSocket).mode & 0o777).toBe(0o600);
  });

  test('takes from the caller what only a proxy may say', async () => {
    await using envoy = await TestEnvoy.start();
    const forged = [
      'x-forwarded-client-cert: By=spiffe://forged',
      // Envoy by itself obeys x-envoy headers of a request that says it comes from a private address.
      'x-forwarded-for: 10.0.0.1',
      'x-envoy-upstream-alt-stat-name: forged',
      'x-envoy-anything: forged',
    ];
    const answer = await envoy.curl(WEB, '/', ...forged.flatMap((header) => ['-H', header]));
    expect(answer.status).toBe(200);
    expect(await envoy.stats('upstream_rq_completed')).not.toEqual([]);
    expect(await envoy.stats('forged')).toEqual([]);
    expect(answer.body).not.toContain('forged');
    expect(seen(answer).headers).toMatchObject({ 'x-forwarded-for': '10.0.0.1' });
  });

  test('judges by the namespace that the caller is in, by method, and by the path that the application gets', async () => {
    await using envoy = await TestEnvoy.start({ policies: [ONLY_WEB_BELOW_API] });
    const status = async (...args: Parameters<TestEnvoy['curl']>) => (await envoy.curl(...args)).status;
    expect(await status(WEB, '/api/x')).toBe(200);
    expect(await status(WEB, '/api/x', '-X', 'POST')).toBe(403);
    expect(await status(WEB, '/admin')).toBe(403);
    expect(await status(WEB, '/api/../admin', '--path-as-is')).toBe(403);
    expect(await status(WEB, '/x/../api/y', '--path-as-is')).toBe(200);
    const denied = await envoy.curl(
      EVIL,
      '/api/x',
      '-H',
      'x-forwarded-client-cert: URI=spiffe://cluster.local/ns/default/sa/web',
    );
    expect(denied).toMatchObject({ status: 403, body: 'RBAC: access denied' });
  });

  test('passes an upload of 10 MB on whole', async () => {
    await using envoy = await TestEnvoy.start();
    const file = join(envoy.instance.runDir, 'upload');
    const body = randomBytes(10 * 1024 * 1024);
    writeFileSync(file, body);
    const answer = await envoy.curl(WEB, '/', '--data-binary', `@${file}`);
    const sha256 = createHash('sha256').update(body).digest('hex');
    expect(seen(answer)).toMatchObject({ method: 'POST', size: body.length, sha256 });
  });

  test('shares requests between the workloads of a Service', async () => {
    await using envoy = await TestEnvoy.start({ servers: ['default/api1', 'default/api2'] });
    const names = new Set<string>();
    // By chance one of them is not asked once in 8 million runs.
    for (let count = 0; count < 24; count += 1) names.add(seen(await envoy.curl(WEB, '/')).name);
    expect([...names].sort()).toEqual(['default/api1', 'default/api2']);
  });

  test('answers 503 for a Service without workloads', async () => {
    await using envoy = await TestEnvoy.start({ servers: [] });
    expect(await envoy.curl(WEB, '/')).toMatchObject({
      status: 503,
      body: `shunt: no workload behind service default/api:${OUTBOUND_PORT}\n`,
    });
  });

  test('loses no request to a server that ends kept connections without a word', async () => {
    await using envoy = await TestEnvoy.start({ kind: 'rude' });
    const client = `
      const http = require('node:http');
      const agent = new http.Agent({ keepAlive: true });
      const get = () => new Promise((done) => http.get('http://127.0.0.1:${OUTBOUND_PORT}/', { agent }, (response) => {
        response.resume().on('end', () => done(response.statusCode));
      }).on('error', (error) => done(error.code)));
      (async () => {
        const counts = {};
        for (let i = 0; i < 400; i++) {
          const status = await get();
          counts[status] = (counts[status] ?? 0) + 1;
          const until = performance.now() + 2 + (i % 20) / 10;
          while (performance.now() < until) await new Promise(setImmediate);
        }
        console.log(JSON.stringify(counts));
        process.exit();
      })();`;
    const { stdout } = await envoy.run(WEB, process.execPath, '-e', client);
    expect(JSON.parse(stdout)).toEqual({ 200: 400 });
  });

  test('speaks HTTP/2 to a Service of that protocol and HTTP/1.0 to an old client', async () => {
    await using envoy = await TestEnvoy.start({ kind: 'http2', protocol: 'http2' });
    expect(seen(await envoy.curl(WEB, '/', '--http2-prior-knowledge'))).toMatchObject({ httpVersion: '2.0' });
    expect(seen(await envoy.curl(WEB, '/'))).toMatchObject({ httpVersion: '2.0' });
    expect(await envoy.curl(WEB, '/', '--http1.0')).toMatchObject({ status: 200 });
  });

  test('passes an upgraded connection through', async () => {
    await using envoy = await TestEnvoy.start();
    const client = `
      const socket = require('node:net').connect(${OUTBOUND_PORT}, '127.0.0.1');
      socket.write('GET / HTTP/1.1\\r\\nhost: api\\r\\nconnection: upgrade\\r\\nupgrade: websocket\\r\\n\\r\\n');
      let all = '';
      socket.on('data', (data) => {
        all += data;
        if (all.endsWith('\\r\\n\\r\\n')) socket.write('frame');
        if (all.endsWith('frame')) socket.end();
      }).on('close', () => console.log(all));`;
    const { stdout } = await envoy.run(WEB, process.execPath, '-e', client);
    expect(stdout).toMatch(/^HTTP\/1\.1 101 /);
    expect(stdout).toMatch(/frame\n$/);
  });

  test('passes TCP in both directions, and the end of one direction alone', async () => {
    await using envoy = await TestEnvoy.start({ kind: 'tcp', protocol: 'tcp' });
    const client = `
      const socket = require('node:net').connect({ port: ${OUTBOUND_PORT}, host: '127.0.0.1', allowHalfOpen: true });
      let all = '';
      socket.on('data', (data) => { all += data; }).on('close', () => console.log(all));
      socket.end('hello ');`;
    expect((await envoy.run(WEB, process.execPath, '-e', client)).stdout).toBe('hello end\n');
  });

  test('closes a connection to an address that is no destination', async () => {
    await using envoy = await TestEnvoy.start({ serviceIp: '10.97.0.1' });
    const { code, stdout } = await envoy.run(WEB, 'curl', '-sS', `http://127.0.0.1:${OUTBOUND_PORT}/`);
    expect(stdout).toBe('');
    expect([52, 56]).toContain(code); // The end, or a reset, without any answer.
  });
});

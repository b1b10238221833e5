import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { ecdsFilter, TestEnvoy, until } from '../support/envoy.ts';
import { cluster, httpListener, virtualHost } from '../support/envoy-config.ts';
import { RawClient } from '../support/raw-client.ts';
import { Upstream } from '../support/upstream.ts';
import { refused } from './bad-configurations.ts';

const FILTER = 'shunt.authz';
/** The same module and vm_id with another configuration: both live in one VM. */
const SECOND = 'shunt.second';

function allowing(path: string, details: { port?: number } = {}): string {
  return JSON.stringify({
    sources: { web: { principal: 'p', namespace: 'n' } },
    destinations: { api: { port: details.port ?? 1, policies: [0, 1] } },
    policies: [
      { name: 'readers', action: 'ALLOW', rules: [{ to: [{ paths: [path] }] }] },
      { name: 'closed', action: 'DENY', rules: [{ to: [{ paths: ['/closed'] }] }] },
    ],
  });
}

let upstream: Upstream;
let envoy: TestEnvoy;
let port: number;

beforeAll(async () => {
  upstream = await Upstream.start();
  const routes = [virtualHost('api.test', 'api')];
  envoy = await TestEnvoy.start(
    (dir) => ({
      clusters: [cluster('api', upstream.port)],
      listeners: [
        httpListener({ name: 'web', source: 'web', filters: [ecdsFilter(dir, FILTER)], virtualHosts: routes }),
        httpListener({ name: 'second', source: 'web', filters: [ecdsFilter(dir, SECOND)], virtualHosts: routes }),
        httpListener({ name: 'nobody', filters: [ecdsFilter(dir, FILTER)], virtualHosts: routes }),
      ],
    }),
    { [FILTER]: wasmPlugin('authz', allowing('/a')), [SECOND]: wasmPlugin('authz', allowing('/second')) },
  );
  port = await envoy.port('web');
});

afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

/** The main thread has taken it; the worker follows a moment later. */
async function allows(client: RawClient, path: string): Promise<void> {
  const allowed = async (): Promise<boolean> => (await client.request('GET', path, 'api.test')).status === 200;
  await until(allowed, 2_000, `${path} is not allowed`);
}

const configure = (text: string): Promise<'taken' | 'refused'> => envoy.reconfigure(FILTER, wasmPlugin('authz', text));

describe('in a real Envoy', () => {
  test('a listener without metadata is nobody: denied', async () => {
    using client = new RawClient(await envoy.port('nobody'));
    const response = await client.request('GET', '/a', 'api.test', [['x-shunt-source', 'web']]);
    expect(response.status).toBe(403);
    expect(response.body).toBe('RBAC: access denied');
    expect(response.headers.get('x-details')).toBe('shunt_denied[unknown-source]');
  });

  test('a gRPC request that is denied gets status 7', async () => {
    using client = new RawClient(port);
    const response = await client.request('POST', '/x', 'api.test', [['content-type', 'application/grpc']]);
    expect(response.status).toBe(200);
    expect(response.headers.get('grpc-status')).toBe('7');
    expect(response.headers.get('grpc-message')).toBe('RBAC: access denied');
  });

  test('a path of 60 kB is matched', async () => {
    expect(await configure(allowing('/long/*'))).toBe('taken');
    using client = new RawClient(port);
    await allows(client, `/long/${'x'.repeat(60_000)}`);
    expect((await client.request('GET', `/other/${'x'.repeat(60_000)}`, 'api.test')).status).toBe(403);
  });

  test('a reload takes effect on a live keep-alive connection, and drains none', async () => {
    expect(await configure(allowing('/a'))).toBe('taken');
    using client = new RawClient(port);
    await allows(client, '/a');
    expect((await client.request('GET', '/b', 'api.test')).status).toBe(403);
    expect(await configure(allowing('/b'))).toBe('taken');
    await allows(client, '/b');
    expect((await client.request('GET', '/a', 'api.test')).status).toBe(403);
    expect(client.connections).toBe(1);
  });

  test('two configurations on one VM do not meet, also when one is replaced', async () => {
    expect(await configure(allowing('/a'))).toBe('taken');
    using first = new RawClient(port);
    using second = new RawClient(await envoy.port('second'));
    const vms = await envoy.stat('wasm.wasm_vm_count');
    for (let i = 0; i < 20; i++) {
      await allows(first, `/a${i || ''}`);
      expect((await second.request('GET', '/second', 'api.test')).status).toBe(200);
      expect((await second.request('GET', `/a${i || ''}`, 'api.test')).status).toBe(403);
      expect((await first.request('GET', '/second', 'api.test')).status).toBe(403);
      expect(await configure(allowing(`/a${i + 1}`))).toBe('taken');
    }
    expect(await envoy.stat('wasm.wasm_vm_count')).toBe(vms);
    // the main thread's, its copy for the main thread, the worker's
    expect(vms).toBe(3);
  });

  test('counters survive a reload', async () => {
    const counter = 'wasmcustom.shunt_authz.policy.readers.allowed';
    expect(await configure(allowing('/a'))).toBe('taken');
    using client = new RawClient(port);
    await allows(client, '/a');
    const before = (await envoy.stat(counter)) ?? 0;
    expect(before).toBeGreaterThan(0);
    expect(await configure(allowing('/a', { port: 2 }))).toBe('taken');
    await client.request('GET', '/a', 'api.test');
    expect(await envoy.stat(counter)).toBe(before + 1);
  });

  test('bad configurations are refused with place and reason in the log, and the old one stays in force', async () => {
    expect(await configure(allowing('/a'))).toBe('taken');
    using client = new RawClient(port);
    await allows(client, '/a');
    for (const [what, text, message] of refused) {
      expect(await configure(text), what).toBe('refused');
      expect((await client.request('GET', '/a', 'api.test')).status, what).toBe(200);
      expect((await client.request('GET', '/b', 'api.test')).status, what).toBe(403);
      await until(() => envoy.log().includes(message.slice(0, 200)), 2_000, `the log does not say: ${message}`);
    }
    expect(client.connections).toBe(1);
    expect(await configure(allowing('/b'))).toBe('taken');
    await allows(client, '/b');
  });
});

import { join } from 'node:path';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { Client } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { EchoUpstream } from '../support/echo-upstream.ts';
import { ecdsFilter, type Json, TestEnvoy, until } from '../support/envoy.ts';
import { cluster, httpListener, virtualHost } from '../support/envoy-config.ts';
import { HttpClient, valuesOf } from '../support/http-client.ts';
import { cases, refused } from './cases.ts';

const FILTER = 'shunt.fault';
const SWITCH = 'shunt.fault.switch';
const WORKERS = 2;

let upstream: EchoUpstream;
let envoy: TestEnvoy;
let port: number;

/** Leaves the filter out for the share of requests that a runtime key says. */
const throughRuntime: Json = {
  name: 'all',
  domains: ['*'],
  routes: [
    {
      match: {
        prefix: '/',
        runtime_fraction: { default_value: { numerator: 0 }, runtime_key: 'shunt.fault.off' },
      },
      route: { cluster: 'echo' },
      typed_per_filter_config: {
        [FILTER]: { '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig', disabled: true },
      },
    },
    { match: { prefix: '/' }, route: { cluster: 'echo' } },
  ],
};

beforeAll(async () => {
  upstream = await EchoUpstream.start();
  envoy = await TestEnvoy.start(
    (dir) => ({
      clusters: [cluster('echo', upstream.port)],
      listeners: [
        balanced(
          httpListener({ name: 'in', filters: [ecdsFilter(dir, FILTER)], virtualHosts: [virtualHost('*', 'echo')] }),
        ),
        httpListener({ name: 'runtime', filters: [ecdsFilter(dir, FILTER)], virtualHosts: [throughRuntime] }),
        httpListener({ name: 'switch', filters: [ecdsFilter(dir, SWITCH)], virtualHosts: [virtualHost('*', 'echo')] }),
      ],
    }),
    { [FILTER]: wasmPlugin('fault', aborting('before')), [SWITCH]: wasmPlugin('fault', '{"switch":true}') },
    { workers: WORKERS, bootstrap: { layered_runtime: { layers: [{ name: 'admin', admin_layer: {} }] } } },
  );
  port = await envoy.port('in');
});

afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

function balanced(listener: Json): Json {
  return { ...(listener as { [key: string]: Json }), connection_balance_config: { exact_balance: {} } };
}

function aborting(name: string, grpcStatus?: number): string {
  return JSON.stringify({ name, rules: [{ name: 'r', abort: { percent: 100, status: 500, grpcStatus } }] });
}

const delaying = (milliseconds: number) => ({
  name: 'delaying',
  rules: [{ name: 'slow', match: { path: ['/slow'] }, delay: { percent: 100, milliseconds } }],
});

let version = 0;

/** Loads it and waits until both workers have it: its first rule aborts a path that nobody else asks for. */
async function configure(configuration: { name: string; rules: readonly object[] }): Promise<void> {
  const name = `mark${++version}`;
  const mark = { name, match: { path: ['/mark'] }, abort: { percent: 100, status: 500 } };
  const text = JSON.stringify({ ...configuration, rules: [mark, ...configuration.rules] });
  expect(await envoy.reconfigure(FILTER, wasmPlugin('fault', text))).toBe('taken');
  const clients = Array.from({ length: WORKERS }, () => new HttpClient(port));
  for (const client of clients) {
    const marked = async (): Promise<boolean> => {
      const { headers } = await client.send({ path: '/mark' });
      return valuesOf(headers, 'x-details').includes(`shunt_fault[${name}]`);
    };
    await until(marked, 10_000, 'a worker has not taken the configuration');
  }
  for (const client of clients) client[Symbol.dispose]();
}

describe('every case of cases.yaml in a real Envoy', () => {
  test.each(cases)('$name', async ({ configuration, requests }) => {
    await configure(configuration);
    using client = new HttpClient(port);
    for (const { waitMs, abort, ...request } of requests) {
      const body = request.method === 'POST' ? 'x'.repeat(100_000) : '';
      const answer = await client.send({ ...request, body });
      expect(answer.status).toBe(abort?.status ?? 200);
      expect(valuesOf(answer.headers, 'x-details')).toEqual(abort === undefined ? [] : [abort.details]);
      // a timer of Envoy and the clock that it shows may differ by a millisecond
      expect(answer.elapsedMs).toBeGreaterThanOrEqual(waitMs - 1);
      if (waitMs === 0) expect(answer.elapsedMs).toBeLessThan(5_000);
    }
  });
});

test('a delay holds up no worker: others are served meanwhile, and all wait at the same time', async () => {
  await configure(delaying(700));
  using slow = new HttpClient(port, 40);
  using quick = new HttpClient(port, 2);
  const start = performance.now();
  let waiting = 40;
  const delayed = Array.from({ length: 40 }, async () => {
    const answer = await slow.send({ path: '/slow' });
    waiting--;
    return answer;
  });
  let served = 0;
  while (waiting === 40) {
    expect((await quick.send({ path: '/quick' })).status).toBe(200);
    served++;
  }
  const answers = await Promise.all(delayed);
  const elapsedMs = performance.now() - start;
  expect(served).toBeGreaterThan(5);
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 200));
  for (const answer of answers) expect(answer.elapsedMs).toBeGreaterThanOrEqual(699);
  expect(elapsedMs).toBeLessThan((40 * 700) / 4);
});

test('clients that leave while they wait do no harm', async () => {
  await configure(delaying(150));
  const leaving = Array.from({ length: 20 }, () => new HttpClient(port));
  const failures = leaving.map((client) =>
    client.send({ path: '/slow' }).then(
      () => 'answered',
      () => 'left',
    ),
  );
  await until(async () => (await delayedCount()) >= 20, 10_000, 'requests do not wait');
  for (const client of leaving) client[Symbol.dispose]();
  expect(new Set(await Promise.all(failures))).toEqual(new Set(['left']));
  using client = new HttpClient(port);
  expect((await client.send({ path: '/slow' })).status).toBe(200);
  expect(envoy.running).toBe(true);
});

const delayedCount = async (): Promise<number> =>
  (await envoy.stat('wasmcustom.shunt_fault.delaying.slow.delayed')) ?? 0;

test('a request that waits while its configuration is replaced still gets its answer', async () => {
  await configure(delaying(400));
  using client = new HttpClient(port);
  const before = await delayedCount();
  const answer = client.send({ path: '/slow' });
  await until(async () => (await delayedCount()) > before, 10_000, 'the request does not wait');
  await configure({ name: 'next', rules: [{ name: 'r', abort: { percent: 100, status: 500 } }] });
  expect((await answer).status).toBe(200);
});

describe('faults are turned off without a reload', () => {
  const outcomes = async (): Promise<number[]> => {
    const clients = Array.from({ length: 4 }, () => new HttpClient(port));
    const answers = await Promise.all(clients.map((client) => client.send()));
    for (const client of clients) client[Symbol.dispose]();
    return answers.map(({ status }) => status);
  };

  test('by the switch, in all workers at once', async () => {
    await configure({ name: 'n', rules: [{ name: 'r', abort: { percent: 100, status: 500 } }] });
    using control = new HttpClient(await envoy.port('switch'));
    const reloads = await envoy.stat(`extension_config_discovery.http_filter.${FILTER}.update_success`);
    expect((await control.send()).body).toBe('on\n');
    expect(await outcomes()).toEqual([500, 500, 500, 500]);
    expect((await control.send({ method: 'POST', path: '/off' })).body).toBe('off\n');
    expect(await outcomes()).toEqual([200, 200, 200, 200]);
    expect((await control.send({ method: 'POST', path: '/on' })).body).toBe('on\n');
    expect(await outcomes()).toEqual([500, 500, 500, 500]);
    expect((await control.send({ path: '/other' })).status).toBe(404);
    expect(await envoy.stat(`extension_config_discovery.http_filter.${FILTER}.update_success`)).toBe(reloads);
  });

  test('by the switch, also for requests that wait', async () => {
    await configure(delaying(20_000));
    using control = new HttpClient(await envoy.port('switch'));
    using client = new HttpClient(port);
    const before = await delayedCount();
    const answer = client.send({ path: '/slow' });
    await until(async () => (await delayedCount()) > before, 10_000, 'the request does not wait');
    await control.send({ method: 'POST', path: '/off' });
    const { status, elapsedMs } = await answer;
    await control.send({ method: 'POST', path: '/on' });
    expect(status).toBe(200);
    expect(elapsedMs).toBeLessThan(10_000);
  });

  test('by a runtime key of Envoy, where the route says so', async () => {
    await configure({ name: 'n', rules: [{ name: 'r', abort: { percent: 100, status: 500 } }] });
    using client = new HttpClient(await envoy.port('runtime'));
    await using admin = await adminOf(envoy.dir);
    const set = (share: string) => admin.post(`/runtime_modify?shunt.fault.off=${share}`);
    const status = async () => (await client.send()).status;
    const becomes = (wanted: number) =>
      until(async () => (await status()) === wanted, 10_000, `status is not ${wanted}`);
    expect(await status()).toBe(500);
    await set('100');
    await becomes(200);
    for (let i = 0; i < 10; i++) expect(await status()).toBe(200);
    await set('0');
    await becomes(500);
  });
});

async function adminOf(dir: string) {
  const client = new Client('http://localhost', { socketPath: join(dir, 'admin.sock') });
  return {
    post: async (path: string): Promise<void> => {
      const { statusCode, body } = await client.request({ method: 'POST', path });
      const text = await body.text();
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text}`);
    },
    [Symbol.asyncDispose]: () => client.destroy(),
  };
}

test('a gRPC request is aborted with the gRPC status', async () => {
  await configure({ name: 'n', rules: [{ name: 'r', abort: { percent: 100, status: 503, grpcStatus: 13 } }] });
  using client = new HttpClient(port);
  const headers: HeaderList = [['content-type', 'application/grpc']];
  const answer = await client.send({ method: 'POST', headers });
  expect(answer.status).toBe(200);
  expect(valuesOf(answer.headers, 'grpc-status')).toEqual(['13']);
  expect((await client.send()).status).toBe(503);
});

test('half of the requests means about half', async () => {
  await configure({ name: 'half', rules: [{ name: 'r', abort: { percent: 50, status: 500 } }] });
  using client = new HttpClient(port, 4);
  const answers = await Promise.all(Array.from({ length: 600 }, () => client.send()));
  const hits = answers.filter(({ status }) => status === 500).length;
  // five standard deviations
  expect(Math.abs(hits - 300)).toBeLessThan(62);
  expect(await envoy.stat('wasmcustom.shunt_fault.half.r.aborted')).toBe(hits);
});

test('every refused configuration is named in Envoy’s log, and the old one stays', async () => {
  await configure({ name: 'stays', rules: [{ name: 'r', abort: { percent: 100, status: 418 } }] });
  for (const [what, text, message] of refused) {
    expect(await envoy.reconfigure(FILTER, wasmPlugin('fault', text)), what).toBe('refused');
    const line = `shunt.fault: configuration refused: ${message}`;
    await until(() => envoy.log().includes(line), 10_000, `${what}: ${line} is not in the log`);
  }
  using client = new HttpClient(port);
  expect((await client.send()).status).toBe(418);
});

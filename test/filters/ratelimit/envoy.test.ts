import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { EchoUpstream } from '../support/echo-upstream.ts';
import { ecdsFilter, type Json, TestEnvoy, until } from '../support/envoy.ts';
import { cluster, httpListener, virtualHost } from '../support/envoy-config.ts';
import { HttpClient, valuesOf } from '../support/http-client.ts';
import { cases, refused } from './cases.ts';

const FILTER = 'shunt.ratelimit';
const WORKERS = 2;

let upstream: EchoUpstream;
let envoy: TestEnvoy;
let port: number;

beforeAll(async () => {
  upstream = await EchoUpstream.start();
  envoy = await TestEnvoy.start(
    (dir) => {
      const listener = httpListener({
        name: 'in',
        filters: [ecdsFilter(dir, FILTER)],
        virtualHosts: [virtualHost('*', 'echo')],
      }) as { [key: string]: Json };
      // each worker gets as many connections as the other
      const balanced = { ...listener, connection_balance_config: { exact_balance: {} } };
      return { clusters: [cluster('echo', upstream.port)], listeners: [balanced] };
    },
    { [FILTER]: wasmPlugin('ratelimit', JSON.stringify(limiting('before', { requests: 1000, perSeconds: 1 }))) },
    { workers: WORKERS },
  );
  port = await envoy.port('in');
});

afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

function limiting(name: string, limit: object) {
  return { name, rules: [{ name: 'r', ...limit }] };
}

interface Configuration {
  readonly name: string;
  readonly rules: readonly object[];
  readonly responseHeaders?: string;
}

const probes = ['probe1', 'probe2'].map((name) => ({
  name,
  match: { path: ['/probe'] },
  requests: 1,
  perSeconds: 86_400,
}));

/** Loads a configuration of two probes, whose buckets it empties, and then `wanted` behind the second of them. */
async function configure(wanted: Configuration): Promise<void> {
  await load({ ...wanted, rules: probes }, 'probe1');
  // who is limited by the second probe has met the new configuration, and drew from none of its buckets
  await load({ ...wanted, rules: [...probes.slice(1), ...wanted.rules] }, 'probe2');
}

/** Loads it and waits until this rule limits a path that nobody else asks for, in both workers. */
async function load(configuration: Configuration, rule: string): Promise<void> {
  expect(await envoy.reconfigure(FILTER, wasmPlugin('ratelimit', JSON.stringify(configuration)))).toBe('taken');
  const clients = Array.from({ length: WORKERS }, () => new HttpClient(port));
  for (const client of clients) {
    const limited = async (): Promise<boolean> => {
      const { headers } = await client.send({ path: '/probe' });
      return valuesOf(headers, 'x-details').includes(`shunt_ratelimited[${rule}]`);
    };
    await until(limited, 10_000, 'a worker has not taken the configuration');
  }
  for (const client of clients) client[Symbol.dispose]();
}

describe('every case of cases.yaml in a real Envoy, by two connections in turn', () => {
  test.each(cases)('$name', async ({ configuration, requests }) => {
    await configure(configuration);
    using first = new HttpClient(port);
    using second = new HttpClient(port);
    for (const [index, { method, path, headers, outcome }] of requests.entries()) {
      const answer = await [first, second][index % 2]!.send({ method, path, headers });
      expect(answer.status, `request ${index}`).toBe(outcome === 'ok' ? 200 : 429);
      if (outcome === 'ok') continue;
      expect(valuesOf(answer.headers, 'x-details')).toEqual([`shunt_ratelimited[${outcome}]`]);
      expect(Number(valuesOf(answer.headers, 'retry-after')[0])).toBeGreaterThan(0);
      expect(valuesOf(answer.headers, 'x-ratelimit-remaining')).toEqual(['0']);
    }
  });
});

test('two workers under load admit no more than the burst and the rate, and no less', async () => {
  await configure(limiting('load', { requests: 50, perSeconds: 1, burst: 40, match: { path: ['/load'] } }));
  const before = await connections();
  const clients = Array.from({ length: 8 }, () => new HttpClient(port));
  let admitted = 0;
  let limited = 0;
  const start = performance.now();
  const run = async (client: HttpClient): Promise<void> => {
    while (performance.now() - start < 1500) {
      const { status } = await client.send({ path: '/load' });
      if (status === 200) admitted++;
      else if (status === 429) limited++;
      else throw new Error(`status ${status}`);
    }
  };
  await Promise.all(clients.map(run));
  const seconds = (performance.now() - start) / 1000;
  for (const client of clients) client[Symbol.dispose]();
  const after = await connections();
  for (let worker = 0; worker < WORKERS; worker++) expect(after[worker]! - before[worker]!).toBe(4);
  expect(admitted).toBeLessThanOrEqual(40 + 50 * seconds);
  expect(admitted).toBeGreaterThanOrEqual(Math.floor(40 + 50 * (seconds - 0.5)));
  expect(limited).toBeGreaterThan(admitted);
  expect(await envoy.stat('wasmcustom.shunt_ratelimit.load.r.admitted')).toBe(admitted);
  expect(await envoy.stat('wasmcustom.shunt_ratelimit.load.r.limited')).toBe(limited);
});

/** Connections so far, by worker. */
async function connections(): Promise<number[]> {
  const name = (worker: number): string => `listener.127.0.0.1_0.worker_${worker}.downstream_cx_total`;
  return Promise.all(Array.from({ length: WORKERS }, async (_, worker) => (await envoy.stat(name(worker))) ?? 0));
}

test('an admitted answer says, where that is asked for, what is left', async () => {
  await configure({ ...limiting('always', { requests: 5, perSeconds: 100 }), responseHeaders: 'always' });
  using client = new HttpClient(port);
  const { status, headers } = await client.send();
  expect(status).toBe(200);
  expect(valuesOf(headers, 'x-ratelimit-limit')).toEqual(['5']);
  expect(valuesOf(headers, 'x-ratelimit-remaining')).toEqual(['4']);
  expect(valuesOf(headers, 'x-ratelimit-reset')).toEqual(['20']);
});

test('a gRPC request is answered with RESOURCE_EXHAUSTED', async () => {
  await configure(limiting('grpc', { requests: 1, perSeconds: 100 }));
  using client = new HttpClient(port);
  const grpc = { method: 'POST', headers: [['content-type', 'application/grpc']] as [string, string][] };
  await client.send(grpc);
  const { status, headers } = await client.send(grpc);
  expect(status).toBe(200);
  expect(valuesOf(headers, 'grpc-status')).toEqual(['8']);
});

test('a reload leaves buckets as empty as they are', async () => {
  const limit = limiting('kept', { requests: 1, perSeconds: 600 });
  await configure(limit);
  using client = new HttpClient(port);
  expect((await client.send()).status).toBe(200);
  await configure({ ...limit, rules: [...limit.rules, { name: 'other', requests: 5, perSeconds: 1 }] });
  expect((await client.send()).status).toBe(429);
});

test('every refused configuration is named in Envoy’s log, and the old one stays', async () => {
  await configure(limiting('stays', { requests: 1, perSeconds: 600 }));
  for (const [what, text, message] of refused) {
    expect(await envoy.reconfigure(FILTER, wasmPlugin('ratelimit', text)), what).toBe('refused');
    const line = `shunt.ratelimit: configuration refused: ${message}`;
    await until(() => envoy.log().includes(line), 10_000, `${what}: ${line} is not in the log`);
  }
  using client = new HttpClient(port);
  expect((await client.send()).status).toBe(200);
  expect((await client.send()).status).toBe(429);
});

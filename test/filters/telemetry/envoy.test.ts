import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { EchoUpstream } from '../support/echo-upstream.ts';
import { ecdsFilter, type Json, TestEnvoy, until } from '../support/envoy.ts';
import { cluster, httpListener } from '../support/envoy-config.ts';
import { HttpClient } from '../support/http-client.ts';
import { cases, configuration, type Labels, refused } from './cases.ts';
import { type Sample, samplesOf } from './prometheus.ts';
import { documentedStatsConfig } from './stats-config.ts';

const FILTER = 'shunt.telemetry';
const WORKERS = 2;

let upstream: EchoUpstream;
let envoy: TestEnvoy;
let client: HttpClient;

/** Names that lead to a cluster; `slow` gives up soon, `empty` has no host, `lost` is not there, 1 is a closed port. */
const hosts: readonly Json[] = ['echo', 'dead', 'empty', 'lost', 'slow'].map((name) => ({
  name,
  domains: [`${name}.test`],
  routes: [
    {
      name: name === 'slow' ? 'slow' : 'main',
      match: { prefix: '/' },
      route: { cluster: name === 'slow' ? 'echo' : name, timeout: name === 'slow' ? '0.1s' : '15s' },
    },
  ],
}));

const ABORT = {
  name: 'n',
  rules: [{ name: 'abort', match: { path: ['/abort'] }, abort: { percent: 100, status: 500 } }],
};

beforeAll(async () => {
  upstream = await EchoUpstream.start();
  envoy = await TestEnvoy.start(
    (dir) => {
      const telemetry = ecdsFilter(dir, FILTER);
      const fault = ecdsFilter(dir, 'shunt.fault');
      const empty = { name: 'empty', type: 'STATIC', load_assignment: { cluster_name: 'empty' } };
      return {
        clusters: [cluster('echo', upstream.port), cluster('dead', 1), empty],
        listeners: [
          listening('first', 'web', [telemetry, fault]),
          listening('last', 'behind', [fault, telemetry]),
          // logs every exchange again and again while it lasts
          listening('long', 'long', [telemetry], { access_log_options: { access_log_flush_interval: '0.02s' } }),
        ],
      };
    },
    { [FILTER]: wasmPlugin('telemetry', config()), 'shunt.fault': wasmPlugin('fault', JSON.stringify(ABORT)) },
    {
      workers: WORKERS,
      bootstrap: { stats_flush_interval: '0.05s', ...withTag(documentedStatsConfig(), 'tier') },
    },
  );
  client = new HttpClient(await envoy.port('first'));
});

afterAll(async () => {
  client?.[Symbol.dispose]();
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

function config(further: object = {}): string {
  return JSON.stringify({ ...configuration, maxSeries: 40, ...further });
}

/** A listener whose connection manager has `further` members, and whose routes may lead to clusters that are not there. */
function listening(
  name: string,
  source: string,
  filters: readonly Json[],
  further: { [key: string]: Json } = {},
): Json {
  type Manager = { [key: string]: Json };
  const listener = httpListener({ name, source, filters, virtualHosts: hosts }) as unknown as {
    filter_chains: { filters: { typed_config: Manager }[] }[];
  };
  const manager = listener.filter_chains[0]?.filters[0]?.typed_config;
  if (manager === undefined) throw new Error(`listener ${name} has no connection manager`);
  const routes = { ...(manager.route_config as Manager), validate_clusters: false };
  Object.assign(manager, { route_config: routes }, further);
  return listener as unknown as Json;
}

/** The documented rules and one of the same form for a label of this test. */
function withTag(documented: { [key: string]: Json }, name: string): { [key: string]: Json } {
  const { stats_tags } = documented.stats_config as { stats_tags: { tag_name: string; regex: string }[] };
  const first = stats_tags[0];
  if (first === undefined) throw new Error('no rules are documented');
  const tag = { tag_name: name, regex: first.regex.replaceAll(first.tag_name, name) };
  return { stats_config: { stats_tags: [...stats_tags, tag] } };
}

const scrape = async (): Promise<Sample[]> => samplesOf(await envoy.admin('/stats/prometheus'));

/** Value of a metric with exactly these labels. */
async function value(metric: string, labels: Labels): Promise<number> {
  const wanted = JSON.stringify(sorted(labels));
  const found = (await scrape()).find((s) => s.metric === metric && JSON.stringify(sorted(s.labels)) === wanted);
  return found?.value ?? 0;
}

const sorted = (labels: Labels): [string, string][] => Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));

describe('every case of cases.yaml in a real Envoy', () => {
  test.each(cases)('$name', async ({ send, labels }) => {
    const { host, method = 'GET', body = '', headers = [], respond = [] } = send;
    const requests = await value('istio_requests_total', labels);
    const bytes = await value('istio_request_bytes_sum', labels);
    const all = [
      ...headers,
      ['host', host] as [string, string],
      ['x-respond', JSON.stringify(respond)] as [string, string],
    ];
    const answer = await client.send({ method, headers: all, body });
    expect(answer.status).toBe(Number(labels.response_code));
    const counted = async (): Promise<boolean> => (await value('istio_requests_total', labels)) === requests + 1;
    await until(counted, 10_000, `no istio_requests_total with ${JSON.stringify(labels)}`);
    const flushed = async (): Promise<boolean> => (await value('istio_request_bytes_sum', labels)) >= bytes + 20;
    await until(flushed, 10_000, `no istio_request_bytes with ${JSON.stringify(labels)}`);
    expect(await value('istio_request_duration_milliseconds_count', labels)).toBe(requests + 1);
    expect(await value('istio_response_bytes_count', labels)).toBe(requests + 1);
  });
});

const plain = (source: string): Labels => ({
  ...(cases[0]?.labels ?? {}),
  source_workload: source,
});

test('an answer of a filter is counted, whether it stands behind or before', async () => {
  for (const [listener, source] of [
    ['first', 'web'],
    ['last', 'behind'],
  ] as const) {
    using own = new HttpClient(await envoy.port(listener));
    expect((await own.send({ path: '/abort', headers: [['host', 'echo.test']] })).status).toBe(500);
    const labels = { ...plain(source), response_code: '500' };
    const counted = async (): Promise<boolean> => (await value('istio_requests_total', labels)) === 1;
    await until(counted, 10_000, `the answer of ${listener} is not counted`);
  }
});

test('a client that leaves is counted with code 0 and flag DC', async () => {
  const own = new HttpClient(await envoy.port('first'));
  const before = upstream.arrived;
  const left = own
    .send({
      headers: [
        ['host', 'echo.test'],
        ['x-respond', '[[":delay","5000"]]'],
      ],
    })
    .catch(() => 'left');
  await until(() => upstream.arrived > before, 10_000, 'the request does not arrive');
  own[Symbol.dispose]();
  expect(await left).toBe('left');
  const labels = { ...plain('web'), response_code: '0', response_flags: 'DC' };
  await until(async () => (await value('istio_requests_total', labels)) === 1, 10_000, 'it is not counted');
});

test('an exchange that is logged while it lasts is counted once, at its end', async () => {
  using own = new HttpClient(await envoy.port('long'));
  const answer = await own.send({
    headers: [
      ['host', 'echo.test'],
      ['x-respond', '[[":delay","300"]]'],
    ],
  });
  expect(answer.status).toBe(200);
  const counted = async (): Promise<boolean> => (await value('istio_requests_total', plain('long'))) > 0;
  await until(counted, 10_000, 'it is not counted');
  expect(await value('istio_requests_total', plain('long'))).toBe(1);
  const flushed = async (): Promise<boolean> =>
    (await value('istio_request_duration_milliseconds_sum', plain('long'))) > 0;
  await until(flushed, 10_000, 'its duration is not recorded');
  expect(await value('istio_request_duration_milliseconds_sum', plain('long'))).toBeGreaterThan(250);
});

test('labels that clients invent make no more series than the bound, in both workers', async () => {
  const clients = await Promise.all(Array.from({ length: 6 }, async () => new HttpClient(await envoy.port('first'))));
  const counts = async (): Promise<Sample[]> =>
    (await scrape()).filter(({ metric }) => metric === 'istio_requests_total');
  const total = (samples: Sample[]): number => samples.reduce((sum, sample) => sum + sample.value, 0);
  const before = total(await counts());
  const ask = async (own: HttpClient, index: number): Promise<void> => {
    for (let i = 0; i < 30; i++)
      await own.send({
        headers: [
          ['host', 'echo.test'],
          ['x-tier', `t${index}-${i}`],
        ],
      });
  };
  await Promise.all(clients.map(ask));
  for (const own of clients) own[Symbol.dispose]();
  await until(async () => total(await counts()) === before + 180, 10_000, 'not all are counted');
  expect((await counts()).length).toBe(41);
  const others = await envoy.stat('wasmcustom.shunt_telemetry.overflowed');
  expect((await counts()).filter(({ labels }) => labels.tier === 'other').map((s) => s.value)).toEqual([others]);
});

test('every refused configuration is named in Envoy’s log, and the old one stays', async () => {
  for (const [what, text, message] of refused) {
    expect(await envoy.reconfigure(FILTER, wasmPlugin('telemetry', text)), what).toBe('refused');
    const line = `shunt.telemetry: configuration refused: ${message}`;
    await until(() => envoy.log().includes(line), 10_000, `${what}: ${line} is not in the log`);
  }
  const before = await value('istio_requests_total', plain('web'));
  await client.send({ headers: [['host', 'echo.test']] });
  await until(async () => (await value('istio_requests_total', plain('web'))) === before + 1, 10_000, 'not counted');
});

test('counters go on after a reload', async () => {
  const before = await value('istio_requests_total', plain('web'));
  expect(before).toBeGreaterThan(0);
  expect(await envoy.reconfigure(FILTER, wasmPlugin('telemetry', config({ maxSeries: 41 })))).toBe('taken');
  await client.send({ headers: [['host', 'echo.test']] });
  await until(async () => (await value('istio_requests_total', plain('web'))) === before + 1, 10_000, 'not counted');
});

import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { EchoUpstream } from '../support/echo-upstream.ts';
import { ecdsFilter, type Json, TestEnvoy, until } from '../support/envoy.ts';
import { cluster, httpListener, virtualHost } from '../support/envoy-config.ts';
import { HttpClient, valuesOf } from '../support/http-client.ts';
import { cases, refused, relevant } from './cases.ts';

const FILTER = 'shunt.headers';
const MARK = 'x-mark';

let upstream: EchoUpstream;
let envoy: TestEnvoy;
let client: HttpClient;

beforeAll(async () => {
  upstream = await EchoUpstream.start();
  envoy = await TestEnvoy.start(
    (dir) => {
      const listener = httpListener({
        name: 'in',
        filters: [ecdsFilter(dir, FILTER)],
        virtualHosts: [virtualHost('*', 'echo')],
      }) as { [key: string]: Json };
      const metadata = { filter_metadata: { 'dotted.name': { key: 'value of metadata' } } };
      return { clusters: [cluster('echo', upstream.port)], listeners: [{ ...listener, metadata }] };
    },
    { [FILTER]: wasmPlugin('headers', '{"response":{"set":{"x-mark":"first"}}}') },
  );
  client = new HttpClient(await envoy.port('in'));
});

afterAll(async () => {
  client?.[Symbol.dispose]();
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

let version = 0;

/** Loads it and waits until the worker has it: its responses carry a mark. */
async function configure(configuration: object): Promise<void> {
  const mark = String(++version);
  const { response = {} } = configuration as { response?: { set?: object } };
  const marked = { ...configuration, response: { ...response, set: { ...response.set, [MARK]: mark } } };
  expect(await envoy.reconfigure(FILTER, wasmPlugin('headers', JSON.stringify(marked)))).toBe('taken');
  const arrived = async (): Promise<boolean> => valuesOf((await client.send()).headers, MARK).includes(mark);
  await until(arrived, 10_000, 'the worker has not taken the configuration');
}

async function exchange(
  sent: HeaderList,
  answered: HeaderList,
): Promise<{ request: HeaderList; response: HeaderList }> {
  const answer = await client.send({ headers: [...sent, ['x-respond', JSON.stringify(answered)]] });
  const { headers } = JSON.parse(Buffer.from(answer.body, 'utf8').toString('utf8')) as { headers: HeaderList };
  return { request: relevant(headers), response: relevant(answer.headers) };
}

describe('every case of cases.yaml in a real Envoy', () => {
  test.each(cases)('$where: $name', async ({ configuration, where, sent, expected }) => {
    await configure(configuration);
    const seen = where === 'request' ? await exchange(sent, []) : await exchange([], sent);
    expect(seen[where]).toEqual(expected);
  });
});

test('every refused configuration is named in Envoy’s log, and the old one stays', async () => {
  await configure({ request: { set: { 'x-a': 'kept' } } });
  for (const [what, text, message] of refused) {
    expect(await envoy.reconfigure(FILTER, wasmPlugin('headers', text)), what).toBe('refused');
    const line = `shunt.headers: configuration refused: ${message}`;
    await until(() => envoy.log().includes(line), 10_000, `${what}: ${line} is not in the log`);
  }
  expect((await exchange([['x-a', 'client']], [])).request).toEqual([['x-a', 'kept']]);
});

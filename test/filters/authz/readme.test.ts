import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Json, TestEnvoy } from '../support/envoy.ts';
import { cluster, httpListener, peerAddressFilter, virtualHost } from '../support/envoy-config.ts';
import { RawClient } from '../support/raw-client.ts';
import { Upstream } from '../support/upstream.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

test('the snippet of the README works as it stands', async () => {
  const readme = readFileSync(join(ROOT, 'filters/authz/README.md'), 'utf8');
  const [, snippet = ''] = /```yaml\n(.*?)```/s.exec(readme) ?? [];
  const { http_filters } = parse(snippet.replace('/path/to/', `${ROOT}/`)) as { http_filters: Json[] };

  await using upstream = await Upstream.start();
  const virtualHosts = [virtualHost('api.test', 'default/api:8080')];
  const listener = (name: string, source: string): Json =>
    httpListener({ name, source, filters: http_filters.slice(0, -1), virtualHosts });
  await using envoy = await TestEnvoy.start(() => ({
    clusters: [cluster('default/api:8080', upstream.port)],
    listeners: [listener('web', 'default/web'), listener('other', 'default/other')],
  }));

  using web = new RawClient(await envoy.port('web'));
  const outcomes: [string, string, number][] = [];
  for (const [method, path] of [
    ['GET', '/users/7'],
    ['GET', '/static/a.css'],
    ['POST', '/users/7'],
    ['GET', '/static/secret'],
    ['GET', '/'],
  ] as const) {
    outcomes.push([method, path, (await web.request(method, path, 'api.test')).status]);
  }
  expect(outcomes).toEqual([
    ['GET', '/users/7', 200],
    ['GET', '/static/a.css', 200],
    ['POST', '/users/7', 403],
    ['GET', '/static/secret', 403],
    ['GET', '/', 403],
  ]);
  using other = new RawClient(await envoy.port('other'));
  const denied = await other.request('GET', '/users/7', 'api.test');
  expect(denied.headers.get('x-details')).toBe('shunt_denied[unknown-source]');
});

test('the network filter of the README is the one that the tests have', () => {
  const readme = readFileSync(join(ROOT, 'filters/authz/README.md'), 'utf8');
  const filters = [...readme.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => parse(text));
  expect(filters[1]).toEqual([peerAddressFilter]);
});

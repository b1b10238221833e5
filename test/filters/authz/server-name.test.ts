/** The cases of cases.yaml that have a server name, in a real Envoy behind TLS. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { type Json, TestEnvoy } from '../support/envoy.ts';
import { cluster, httpListener, peerAddressFilter, routedHost } from '../support/envoy-config.ts';
import { nativeFilters, nativeRoute } from '../support/native-rbac.ts';
import { Upstream } from '../support/upstream.ts';
import { type Case, cases, configuration } from './cases.ts';

const config = configuration();
const named = cases.filter(({ sni }) => sni !== undefined);
const destinations = [...new Set(named.map(({ cluster: name }) => name))];

let dir: string;
let upstream: Upstream;
let envoy: TestEnvoy;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'shunt-authz-tls-'));
  const [key, certificate] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const options = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test',
  ];
  execFileSync('openssl', ['req', '-x509', ...options, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  upstream = await Upstream.start();
  const transportSocket: Json = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
      },
    },
  };
  const wasm: Json = {
    name: 'shunt.authz',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
      config: wasmPlugin('authz', JSON.stringify(config)) as Json,
    },
  };
  const routes = (native: boolean): Json =>
    routedHost(
      destinations.map((name) => ({
        name,
        cluster: name,
        ...(native ? { perFilter: nativeRoute(config, 'web', name) } : {}),
      })),
    );
  envoy = await TestEnvoy.start(() => ({
    clusters: destinations.map((name) => cluster(name, upstream.port)),
    listeners: [
      httpListener({
        ...{ name: 'wasm', source: 'web', transportSocket },
        networkFilters: [peerAddressFilter],
        filters: [wasm],
        virtualHosts: [routes(false)],
      }),
      httpListener({ ...{ name: 'native', transportSocket }, filters: nativeFilters, virtualHosts: [routes(true)] }),
    ],
  }));
});

afterAll(async () => {
  await envoy?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(listener: string, { method, path, host, cluster: name, sni = '' }: Case): Promise<number> {
  const port = await envoy.port(listener);
  return new Promise((resolve, reject) => {
    const headers = { host, 'x-destination': name };
    const options = {
      host: '127.0.0.1',
      port,
      method,
      path,
      headers,
      servername: sni,
      rejectUnauthorized: false,
      agent: false,
    };
    const outgoing = request(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

test.each(named.map((one) => [one.what, one] as const))('%s', async (_, one) => {
  expect(one.source).toBe('web');
  const expected = one.allowed ? 200 : 403;
  expect([await ask('wasm', one), await ask('native', one)]).toEqual([expected, expected]);
});

/** Claims of tokens: what jwt_authn really leaves for the filter, and that no bytes of it trap. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wasmPlugin } from '../../../src/proxy/filters.ts';
import { load, newHost } from '../support/authz.ts';
import { type Json, TestEnvoy } from '../support/envoy.ts';
import { cluster, httpListener, virtualHost } from '../support/envoy-config.ts';
import { jwtMetadata } from '../support/protobuf-value.ts';
import { RawClient } from '../support/raw-client.ts';
import { Upstream } from '../support/upstream.ts';

const configuration = {
  sources: { web: { principal: 'p', namespace: 'n' } },
  destinations: { api: { port: 1, policies: [0, 1, 2] } },
  policies: [
    { name: 'alice', action: 'ALLOW', rules: [{ from: [{ requestPrincipals: ['https://id.test/alice'] }] }] },
    {
      name: 'owners',
      action: 'ALLOW',
      rules: [{ when: [{ key: 'request.auth.claims[realm][roles]', values: ['owner'] }] }],
    },
    {
      name: 'audience',
      action: 'ALLOW',
      rules: [
        {
          when: [
            { key: 'request.auth.audiences', values: ['shop'] },
            { key: 'request.auth.presenter', values: ['app*'] },
          ],
        },
      ],
    },
  ],
};

describe('in a real Envoy, of a token that jwt_authn verified', () => {
  const KEY = Buffer.from('a key of 32 bytes for the test!!');
  const keys = { keys: [{ kty: 'oct', alg: 'HS256', kid: 'k', k: KEY.toString('base64url') }] };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokenOf = (claims: object, key = KEY): string => {
    const signed = `${part({ alg: 'HS256', kid: 'k' })}.${part(claims)}`;
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  };
  const jwtFilter: Json = {
    name: 'envoy.filters.http.jwt_authn',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication',
      providers: {
        id: {
          issuer: 'https://id.test',
          payload_in_metadata: 'payload',
          local_jwks: { inline_string: JSON.stringify(keys) },
        },
      },
      rules: [
        {
          match: { prefix: '/' },
          requires: { requires_any: { requirements: [{ provider_name: 'id' }, { allow_missing: {} }] } },
        },
      ],
    },
  };

  test('its claims decide', async () => {
    await using upstream = await Upstream.start();
    const authz: Json = {
      name: 'shunt.authz',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
        config: wasmPlugin('authz', JSON.stringify(configuration)) as Json,
      },
    };
    await using envoy = await TestEnvoy.start(() => ({
      clusters: [cluster('api', upstream.port)],
      listeners: [
        httpListener({
          name: 'web',
          source: 'web',
          filters: [jwtFilter, authz],
          virtualHosts: [virtualHost('api.test', 'api')],
        }),
      ],
    }));
    using client = new RawClient(await envoy.port('web'));
    const ask = async (token: string | undefined): Promise<number> => {
      const headers: [string, string][] = token === undefined ? [] : [['authorization', `Bearer ${token}`]];
      return (await client.request('GET', '/', 'api.test', headers)).status;
    };
    const iss = 'https://id.test';
    expect(await ask(undefined)).toBe(403);
    expect(await ask(tokenOf({ iss, sub: 'alice' }))).toBe(200);
    expect(await ask(tokenOf({ iss, sub: 'bob' }))).toBe(403);
    expect(await ask(tokenOf({ iss, sub: 'bob', realm: { roles: ['user', 'owner'], n: 1.5 }, exp: 4e9 }))).toBe(200);
    expect(await ask(tokenOf({ iss, sub: 'bob', realm: { roles: ['user'] } }))).toBe(403);
    expect(await ask(tokenOf({ iss, sub: 'bob', aud: ['x', 'shop'], azp: 'app-1' }))).toBe(200);
    expect(await ask(tokenOf({ iss, sub: 'bob', aud: 'shop', azp: 'other' }))).toBe(403);
    // not verified: refused by jwt_authn itself
    expect(await ask(tokenOf({ iss, sub: 'alice' }, Buffer.from('another key of 32 bytes, not it!')))).toBe(401);
  }, 60_000);
});

describe('metadata of any bytes', () => {
  const plugin = load(configuration, newHost());
  const askBytes = (metadata: Uint8Array): boolean => {
    const properties = {
      'xds.listener_metadata.filter_metadata.shunt.source': 'web',
      'xds.cluster_name': 'api',
      metadata,
    };
    using stream = plugin.http({ properties });
    return stream.requestHeaders([]) === 'continue';
  };
  const good = jwtMetadata({ iss: 'https://id.test', sub: 'alice', realm: { roles: ['x', 'owner'] }, aud: ['shop'] });

  test('do not trap, wherever they are cut or changed', () => {
    expect(askBytes(good)).toBe(true);
    for (let at = 0; at < good.length; at++) {
      askBytes(good.subarray(0, at));
      for (const byte of [0, 0x0a, 0x7f, 0x80, 0xff]) {
        const changed = Buffer.from(good);
        changed[at] = byte;
        askBytes(changed);
      }
    }
    expect(plugin.vm().failure).toBeUndefined();
  });

  test('do not trap, and let nobody in, where they are random', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(askBytes(bytes)).toBe(false);
      }),
      { numRuns: 3000 },
    );
    expect(plugin.vm().failure).toBeUndefined();
  });
});

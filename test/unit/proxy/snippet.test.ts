import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ShuntError } from '../../../src/errors.ts';
import {
  type AuthzSnippetOptions,
  authzSnippet,
  exampleSnippet,
  reloadingSnippet,
} from '../../../src/proxy/snippet.ts';
import { policy, shop } from '../policy/shop.ts';

const { model } = shop(policy('{selector: {matchLabels: {app: api}}, rules: [{to: [{operation: {methods: [GET]}}]}]}'));
const DEFAULTS = { format: 'yaml', identity: 'mtls', clusters: {}, module: '/opt/authz.wasm' } as const;

function snippet(options: Partial<AuthzSnippetOptions> = {}) {
  const text = authzSnippet(model, { ...DEFAULTS, ...options });
  const [filter, ...others] = options.format === 'json' ? [JSON.parse(text)] : parse(text);
  expect(others).toEqual([]);
  return { filter, configuration: JSON.parse(filter.typed_config.config.configuration.value) };
}

describe('the snippet of authz', () => {
  test('is one entry of http_filters, closed when it fails', () => {
    expect(snippet().filter).toMatchObject({
      name: 'shunt.authz',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm',
        config: {
          root_id: 'authz',
          failure_policy: 'FAIL_RELOAD',
          vm_config: { code: { local: { filename: '/opt/authz.wasm' } } },
        },
      },
    });
  });

  test('is the same in JSON', () => {
    expect(snippet({ format: 'json' })).toMatchObject({
      configuration: snippet().configuration,
      filter: { typed_config: { config: { vm_config: snippet().filter.typed_config.config.vm_config } } },
    });
  });

  test('takes the callers from certificates', () => {
    expect(snippet().configuration).toMatchObject({ identity: 'mtls', sources: {} });
  });

  test('or from the metadata of listeners, of which it knows all workloads', () => {
    const { configuration } = snippet({ identity: 'listener' });
    expect(configuration).not.toHaveProperty('identity');
    expect(Object.keys(configuration.sources)).toEqual(model.workloads.map(({ key }) => key));
  });

  test('calls clusters as shunt does', () => {
    expect(snippet().configuration.destinations).toEqual({
      'shop/api:8080': { port: 8080, policies: [0] },
      'shop/api:9090': { port: 9090, policies: [0] },
    });
  });

  test('or as that Envoy does; then it knows no other', () => {
    const clusters = { backend: 'shop/api:8080', again: 'shop/api:8080' };
    expect(snippet({ clusters }).configuration.destinations).toEqual({
      backend: { port: 8080, policies: [0] },
      again: { port: 8080, policies: [0] },
    });
  });

  test('refuses a cluster that no resource describes, and resources without any', () => {
    const clusters = { backend: 'shop/cache-0:6379' };
    expect(() => snippet({ clusters })).toThrow(
      new ShuntError('E_USAGE', '--cluster backend=shop/cache-0:6379: expected one of shop/api:8080, shop/api:9090'),
    );
    expect(() => authzSnippet({ ...model, services: [] }, DEFAULTS)).toThrow(/no Service that leads to a Workload/);
  });
});

test('any filter has a snippet with the smallest configuration', () => {
  const text = exampleSnippet('authz', { format: 'yaml', module: '/m.wasm' });
  expect(parse(text)[0].typed_config.config.configuration.value).toBe(
    JSON.stringify({ sources: {}, destinations: {}, policies: [] }, undefined, 2),
  );
  expect(() => exampleSnippet('nothing', { format: 'yaml', module: '/m.wasm' })).toThrow(/expected one of authz/);
});

describe('a reloading snippet', () => {
  test('reads a file, and watches the folder that it is in', () => {
    const [filter] = parse(reloadingSnippet('authz', '/etc/envoy/authz/filter.yaml', 'yaml'));
    expect(filter).toMatchObject({
      name: 'shunt.authz',
      config_discovery: {
        config_source: {
          path_config_source: {
            path: '/etc/envoy/authz/filter.yaml',
            watched_directory: { path: '/etc/envoy/authz' },
          },
        },
      },
    });
    expect(JSON.parse(reloadingSnippet('authz', '/etc/envoy/authz/filter.yaml', 'json'))).toEqual(filter);
    expect(parse(reloadingSnippet('authz', 'filter.json', 'yaml'))[0].config_discovery.config_source).toMatchObject({
      path_config_source: { watched_directory: { path: '.' } },
    });
  });

  test('reads no file that Envoy could not read', () => {
    expect(() => reloadingSnippet('authz', '/etc/envoy/authz', 'yaml')).toThrow(/ends with .json or .yaml/);
    expect(() => reloadingSnippet('nothing', 'a.json', 'yaml')).toThrow(/expected one of authz/);
  });

  test('reads what is printed as its resource: the same filter, with a version that is the hash of it', () => {
    const entry = snippet().filter;
    const of = (clusters: Record<string, string>) =>
      parse(authzSnippet(model, { ...DEFAULTS, clusters, resource: true })) as {
        version_info: string;
        resources: object[];
      };
    const { version_info, resources } = of({});
    expect(resources).toEqual([{ '@type': 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig', ...entry }]);
    expect(version_info).toBe(of({}).version_info);
    expect(version_info).not.toBe(of({ backend: 'shop/api:8080' }).version_info);
  });
});

test('a snippet says what its rules need of that Envoy', () => {
  const of = (spec: string) =>
    authzSnippet(shop(policy(spec)).model, DEFAULTS)
      .split('\n')
      .filter((line) => line.startsWith('#'));
  expect(of('{rules: [{from: [{source: {namespaces: [shop]}}]}]}')).toEqual([]);
  expect(of('{rules: [{from: [{source: {notIpBlocks: [10.0.0.1]}}]}]}')).toEqual([
    expect.stringContaining('set_filter_state'),
  ]);
  expect(
    of('{rules: [{when: [{key: source.ip, values: [10.0.0.1]}, {key: "request.auth.claims[a]", values: [b]}]}]}'),
  ).toEqual([expect.stringContaining('set_filter_state'), expect.stringContaining('jwt_authn')]);
  expect(of('{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}')).toEqual([
    expect.stringContaining('payload_in_metadata'),
  ]);
});

import { describe, expect, test } from 'vitest';
import type { ServicePort, WasmPlugin } from '../../../src/config/model.ts';
import type { Topology } from '../../../src/config/topology.ts';
import { instance } from '../../../src/instance.ts';
import { l7Configuration } from '../../../src/policy/l7.ts';
import { xdsTexts, xdsVersion } from '../../../src/proxy/envoy/xds.ts';
import { testTopology } from '../../support/topology.ts';

const INSTANCE = instance('test', '/cg');
const OPTIONS = { authzModule: '/build/authz.wasm' };
const HTTP: ServicePort = { name: 'http', port: 80, targetPort: 8080, protocol: 'http' };
const TCP: ServicePort = { name: 'tcp', port: 6379, targetPort: 6379, protocol: 'tcp' };

/** web calls api (two workloads) and cache. */
const SHOP = testTopology({
  workloads: ['default/api1', 'default/api2', 'default/cache', 'default/web'],
  services: [
    { key: 'default/api', ports: [HTTP] },
    { key: 'default/cache', ports: [TCP] },
  ],
});

interface Any {
  '@type': string;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: Envoy's JSON, looked into by the tests alone
  [field: string]: any;
}

function resources(topology: Topology, type: 'cds' | 'ecds' | 'lds'): Any[] {
  return JSON.parse(xdsTexts(INSTANCE, topology, OPTIONS)[type]).resources;
}

/** The chain of the first listener for an address. */
function chain(topology: Topology, ip: string, port: number): Any {
  const [listener] = resources(topology, 'lds');
  const found = listener?.filter_chains.find(
    ({ filter_chain_match: match }: Any) =>
      match.prefix_ranges[0].address_prefix === ip && match.destination_port === port,
  );
  expect(found, `${ip}:${port}`).toBeDefined();
  return found;
}

function manager(topology: Topology, ip: string, port: number): Any {
  const [filter] = chain(topology, ip, port).filters;
  expect(filter.name).toBe('envoy.filters.network.http_connection_manager');
  return filter.typed_config;
}

describe('listeners', () => {
  test('each workload has one, on loopback in its namespace, that tells who calls', () => {
    const listeners = resources(SHOP, 'lds');
    expect(listeners.map(({ name }) => name)).toEqual(SHOP.model.workloads.map(({ key }) => `outbound/${key}`));
    const { filter_chains: _, ...web } = listeners[3] as Any;
    expect(web).toEqual({
      '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
      name: 'outbound/default/web',
      metadata: { filter_metadata: { shunt: { source: 'default/web' } } },
      traffic_direction: 'OUTBOUND',
      stat_prefix: 'outbound',
      address: {
        socket_address: {
          address: '127.0.0.1',
          port_value: 15001,
          network_namespace_filepath: '/run/netns/shunt.test.default.web',
        },
      },
      tcp_backlog_size: 4096,
      listener_filters: [
        {
          name: 'envoy.filters.listener.original_dst',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
          },
        },
      ],
    });
  });

  test('know the Services and the ports of workloads behind them, and nothing else', () => {
    const [listener] = resources(SHOP, 'lds');
    expect(
      listener?.filter_chains.map(({ name, filter_chain_match: { prefix_ranges, destination_port } }: Any) => [
        name,
        ...prefix_ranges.map((range: Any) => `${range.address_prefix}/${range.prefix_len}`),
        destination_port,
      ]),
    ).toEqual([
      ['service default/api:80', '10.97.0.1/32', 80],
      ['service default/cache:6379', '10.97.0.2/32', 6379],
      ['workload default/api1:8080', '10.77.0.2/32', 8080],
      ['workload default/api2:8080', '10.77.0.3/32', 8080],
      ['workload default/cache:6379', '10.77.0.4/32', 6379],
    ]);
    expect(listener).not.toHaveProperty('default_filter_chain');
  });

  test('do not exist while there is no Service', () => {
    expect(resources(testTopology({ workloads: ['default/web'] }), 'lds')).toEqual([]);
  });
});

describe('HTTP destinations', () => {
  test('pass the authorization filter before the router, which waits for it', () => {
    const { http_filters: filters } = manager(SHOP, '10.97.0.1', 80);
    expect(filters.map(({ name }: Any) => name)).toEqual(['shunt.authz', 'envoy.filters.http.router']);
    expect(filters[0].config_discovery).toEqual({
      config_source: {
        path_config_source: {
          path: '/run/shunt/test/xds/ecds/ecds.json',
          watched_directory: { path: '/run/shunt/test/xds/ecds' },
        },
        resource_api_version: 'V3',
      },
      type_urls: ['type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm'],
      apply_default_config_without_warming: false,
    });
    for (const filter of filters) expect(filter).not.toHaveProperty('disabled');
  });

  test('every one of them, whichever address is dialled', () => {
    for (const [ip, port] of [
      ['10.97.0.1', 80],
      ['10.77.0.2', 8080],
      ['10.77.0.3', 8080],
    ] as const) {
      expect(manager(SHOP, ip, port).http_filters[0].name).toBe('shunt.authz');
    }
  });

  test('go to the workloads behind a Service in equal shares, to a workload’s own address alone', () => {
    const routes = (ip: string, port: number): Any[] =>
      manager(SHOP, ip, port).route_config.virtual_hosts[0].routes.map(({ route }: Any) => route);
    for (const route of routes('10.97.0.1', 80)) {
      expect(route.weighted_clusters.clusters).toEqual([
        { name: 'default/api1:8080', weight: 1 },
        { name: 'default/api2:8080', weight: 1 },
      ]);
      expect(route.timeout).toBe('0s');
    }
    for (const route of routes('10.77.0.3', 8080)) expect(route.cluster).toBe('default/api2:8080');
  });

  test('an unanswered request is sent again only when its method is safe', () => {
    const { routes } = manager(SHOP, '10.97.0.1', 80).route_config.virtual_hosts[0];
    expect(
      routes.map(({ match, route }: Any) => [
        match.headers?.[0].string_match.safe_regex.regex,
        route.retry_policy.retry_on,
      ]),
    ).toEqual([
      ['^(GET|HEAD|OPTIONS|TRACE)$', 'connect-failure,refused-stream,reset-before-request,reset'],
      [undefined, 'connect-failure,refused-stream,reset-before-request'],
    ]);
  });

  test('normalize paths, and take identity from no header', () => {
    expect(manager(SHOP, '10.97.0.1', 80)).toMatchObject({
      normalize_path: true,
      path_with_escaped_slashes_action: 'KEEP_UNCHANGED',
      use_remote_address: false,
      forward_client_cert_details: 'SANITIZE',
      server_header_transformation: 'PASS_THROUGH',
    });
  });

  test('a Service without workloads answers 503 and needs no policy', () => {
    const topology = testTopology({ workloads: ['default/web'], services: [{ key: 'default/api', ports: [HTTP] }] });
    const { http_filters: filters, route_config: routes } = manager(topology, '10.97.0.1', 80);
    expect(filters.map(({ name }: Any) => name)).toEqual(['envoy.filters.http.router']);
    expect(routes.virtual_hosts[0].routes).toEqual([
      {
        match: { prefix: '/' },
        direct_response: {
          status: 503,
          body: { inline_string: 'shunt: no workload behind service default/api:80\n' },
        },
      },
    ]);
  });

  test('write an access log only when asked', () => {
    expect(manager(SHOP, '10.97.0.1', 80)).not.toHaveProperty('access_log');
    const { lds } = xdsTexts(INSTANCE, SHOP, { ...OPTIONS, accessLog: '/log' });
    expect(lds.match(/"path": "\/log"/g)).toHaveLength(4 * 3);
  });
});

describe('TCP destinations', () => {
  test('are passed through without a time limit', () => {
    expect(chain(SHOP, '10.97.0.2', 6379).filters).toEqual([
      {
        name: 'envoy.filters.network.tcp_proxy',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
          stat_prefix: 'outbound',
          cluster: 'default/cache:6379',
          idle_timeout: '0s',
        },
      },
    ]);
  });

  test('a Service without workloads has no chain, so that the connection is closed', () => {
    const topology = testTopology({
      workloads: ['default/web'],
      services: [
        { key: 'default/api', ports: [HTTP] },
        { key: 'default/cache', ports: [TCP] },
      ],
    });
    const names = resources(topology, 'lds')[0]?.filter_chains.map(({ name }: Any) => name);
    expect(names).toEqual(['service default/api:80']);
  });
});

describe('clusters', () => {
  test('connect to 127.0.0.1 inside the workload’s namespace', () => {
    const clusters = resources(SHOP, 'cds');
    expect(clusters.map(({ name }) => name)).toEqual(['default/api1:8080', 'default/api2:8080', 'default/cache:6379']);
    const { circuit_breakers: _, ...cache } = clusters[2] as Any;
    expect(cache).toEqual({
      '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
      name: 'default/cache:6379',
      type: 'STATIC',
      connect_timeout: '10s',
      upstream_bind_config: {
        source_address: {
          address: '127.0.0.1',
          port_value: 0,
          network_namespace_filepath: '/run/netns/shunt.test.default.cache',
        },
      },
      load_assignment: {
        cluster_name: 'default/cache:6379',
        endpoints: [
          {
            lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 6379 } } } }],
          },
        ],
      },
    });
  });

  test('every cluster that a chain names exists, and every HTTP one is known to policy', () => {
    const { cds, lds } = xdsTexts(INSTANCE, SHOP, OPTIONS);
    const named = [...lds.matchAll(/"(?:cluster|name)": "([^"]+:\d+)"/g)].map(([, name]) => name as string);
    const used = new Set(named.filter((name) => !name.startsWith('service ') && !name.startsWith('workload ')));
    const clusters = JSON.parse(cds).resources.map(({ name }: Any) => name);
    expect([...used].sort()).toEqual(clusters);
    expect(Object.keys(l7Configuration(SHOP).destinations)).toEqual(['default/api1:8080', 'default/api2:8080']);
  });

  test('two Services on one port of a workload share its cluster and its chain', () => {
    const topology = testTopology({
      workloads: ['default/api1', 'default/web'],
      services: [
        { key: 'default/api', ports: [HTTP] },
        { key: 'default/other', app: 'api', ports: [{ ...HTTP, port: 81 }] },
      ],
    });
    expect(resources(topology, 'cds').map(({ name }) => name)).toEqual(['default/api1:8080']);
    expect(resources(topology, 'lds')[0]?.filter_chains.map(({ name }: Any) => name)).toEqual([
      'service default/api:80',
      'service default/other:81',
      'workload default/api1:8080',
    ]);
  });

  test('speak what the Service says', () => {
    const http2: ServicePort = { ...HTTP, protocol: 'http2' };
    const options = (ports: ServicePort[]): unknown => {
      const topology = testTopology({ workloads: ['default/api'], services: [{ key: 'default/api', ports }] });
      const extensions = resources(topology, 'cds')[0]?.typed_extension_protocol_options;
      return extensions?.['envoy.extensions.upstreams.http.v3.HttpProtocolOptions'].explicit_http_config;
    };
    expect(options([HTTP])).toEqual({ http_protocol_options: {} });
    expect(options([http2])).toEqual({ http2_protocol_options: {} });
    expect(options([TCP])).toBeUndefined();
  });
});

describe('policy', () => {
  test('is the filter with the rules of the whole node, closed when it fails', () => {
    const [resource] = resources(SHOP, 'ecds');
    const { typed_config: filter, ...rest } = resource as Any;
    expect(rest).toEqual({
      '@type': 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
      name: 'shunt.authz',
    });
    expect(filter.config).toMatchObject({
      root_id: 'authz',
      failure_policy: 'FAIL_RELOAD',
      vm_config: { runtime: 'envoy.wasm.runtime.v8', code: { local: { filename: '/build/authz.wasm' } } },
    });
    expect(JSON.parse(filter.config.configuration.value)).toEqual(l7Configuration(SHOP));
  });
});

describe('plugins', () => {
  const plugin = (name: string, given: Partial<WasmPlugin> = {}): WasmPlugin => ({
    key: `default/${name}`,
    name,
    namespace: 'default',
    selector: { app: 'api' },
    module: `/opt/${name}.wasm`,
    sha256: 'ab'.repeat(32),
    phase: 'UNSPECIFIED_PHASE',
    priority: 0,
    failStrategy: 'FAIL_CLOSE',
    pluginName: '',
    env: {},
    ...given,
  });
  const withPlugins = (...plugins: WasmPlugin[]): Topology => ({ ...SHOP, model: { ...SHOP.model, plugins } });
  const namesOf = (topology: Topology, ip: string, port: number): string[] =>
    manager(topology, ip, port).http_filters.map(({ name }: Any) => name.replace('shunt.plugin.default.', ''));

  test('run by phase around the policies, the higher priority first, then by name', () => {
    const topology = withPlugins(
      plugin('a'),
      plugin('b', { phase: 'STATS', priority: -1 }),
      plugin('c', { phase: 'STATS' }),
      plugin('d', { phase: 'AUTHZ', priority: 9 }),
      plugin('e', { phase: 'AUTHN' }),
      plugin('f', { phase: 'AUTHN' }),
      plugin('g', { phase: 'AUTHN', priority: 1 }),
      plugin('h', { priority: 5 }),
    );
    const order = ['g', 'e', 'f', 'd', 'shunt.authz', 'c', 'b', 'h', 'a', 'envoy.filters.http.router'];
    expect(namesOf(topology, '10.97.0.1', 80)).toEqual(order);
    expect(namesOf(topology, '10.77.0.2', 8080)).toEqual(order);
  });

  test('run before the workloads that they select alone', () => {
    const services = [
      { key: 'default/api', ports: [HTTP] },
      { key: 'default/web', ports: [HTTP] },
    ] as const;
    const { model, ...rest } = testTopology({ workloads: ['default/api1', 'default/web'], services });
    const topology = { ...rest, model: { ...model, plugins: [plugin('a')] } };
    expect(namesOf(topology, '10.97.0.1', 80)).toContain('a');
    expect(namesOf(topology, '10.77.0.2', 8080)).toContain('a');
    expect(namesOf(topology, '10.97.0.2', 80)).not.toContain('a');
    expect(namesOf(topology, '10.77.0.3', 8080)).not.toContain('a');
    const everywhere = { ...topology, model: { ...model, plugins: [plugin('a', { namespace: 'istio-system' })] } };
    delete (everywhere.model.plugins[0] as { selector?: unknown }).selector;
    expect(namesOf(everywhere, '10.77.0.3', 8080)).toContain('shunt.plugin.istio-system.a');
  });

  test('of some of the workloads of a Service are refused', () => {
    const [api1, ...others] = SHOP.model.workloads;
    const workloads = [{ ...(api1 as (typeof others)[0]), labels: { app: 'api', version: 'one' } }, ...others];
    const model = { ...SHOP.model, workloads, plugins: [plugin('a', { selector: { version: 'one' } })] };
    expect(() => xdsTexts(INSTANCE, { ...SHOP, model }, OPTIONS)).toThrow(
      'WasmPlugin default/a selects default/api1 and not default/api2, both behind service default/api:80',
    );
  });

  test('come by ECDS, each from a file and in a VM of its own', () => {
    const given = { pluginName: 'root', pluginConfig: '{"a":1}', env: { LEVEL: 'debug' } };
    const topology = withPlugins(plugin('a', given), plugin('b', { failStrategy: 'FAIL_OPEN' }));
    const texts = xdsTexts(INSTANCE, topology, OPTIONS);
    expect(Object.keys(texts).sort()).toEqual(['cds', 'ecds', 'ecds.default.a', 'ecds.default.b', 'lds']);
    const config = (name: string): unknown => {
      const { resources } = JSON.parse(texts[`ecds.default.${name}`] ?? '');
      expect(resources).toHaveLength(1);
      expect(resources[0].name).toBe(`shunt.plugin.default.${name}`);
      return resources[0].typed_config.config;
    };
    const code = { local: { filename: `/run/shunt/test/modules/${'ab'.repeat(32)}.wasm` } };
    expect(config('a')).toEqual({
      name: 'shunt.plugin.default.a',
      root_id: 'root',
      failure_policy: 'FAIL_RELOAD',
      configuration: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value: '{"a":1}' },
      vm_config: {
        vm_id: 'shunt.plugin.default.a',
        runtime: 'envoy.wasm.runtime.v8',
        code,
        environment_variables: { key_values: { LEVEL: 'debug' } },
      },
    });
    expect(config('b')).toMatchObject({
      root_id: '',
      failure_policy: 'FAIL_OPEN',
      configuration: { value: '' },
      vm_config: { vm_id: 'shunt.plugin.default.b', code },
    });
    const [filter] = manager(topology, '10.97.0.1', 80).http_filters.slice(1);
    expect(filter.config_discovery.config_source.path_config_source).toEqual({
      path: '/run/shunt/test/xds/ecds.default.a/ecds.json',
      watched_directory: { path: '/run/shunt/test/xds/ecds.default.a' },
    });
  });

  test('that change leave the listeners as they are', () => {
    const before = xdsTexts(INSTANCE, withPlugins(plugin('a')), OPTIONS);
    const after = xdsTexts(INSTANCE, withPlugins(plugin('a', { pluginConfig: '1', sha256: 'cd'.repeat(32) })), OPTIONS);
    expect(after.lds).toBe(before.lds);
    expect(after['ecds.default.a']).not.toBe(before['ecds.default.a']);
  });
});

describe('texts', () => {
  test('equal topologies give equal texts, to the byte', () => {
    expect(xdsTexts(INSTANCE, structuredClone(SHOP), OPTIONS)).toEqual(xdsTexts(INSTANCE, SHOP, OPTIONS));
  });

  test('a version changes exactly when the content does', () => {
    const before = xdsTexts(INSTANCE, SHOP, OPTIONS);
    const denied: Topology = {
      ...SHOP,
      model: {
        ...SHOP.model,
        policies: [
          { key: 'default/no', name: 'no', namespace: 'default', action: 'DENY', rules: [{ from: [], to: [] }] },
        ],
      },
    };
    const after = xdsTexts(INSTANCE, denied, OPTIONS);
    expect(after.lds).toBe(before.lds);
    expect(after.cds).toBe(before.cds);
    expect(xdsVersion(after.ecds)).not.toBe(xdsVersion(before.ecds));
    expect(xdsVersion(before.cds)).toMatch(/^[0-9a-f]{16}$/);
  });
});

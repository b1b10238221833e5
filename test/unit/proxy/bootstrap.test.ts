import { expect, test } from 'vitest';
import { instance } from '../../../src/instance.ts';
import { envoyBootstrap } from '../../../src/proxy/envoy/bootstrap.ts';

const INSTANCE = instance('test', '/cg');
const BOOTSTRAP = JSON.parse(envoyBootstrap(INSTANCE));

test('administration is a unix socket for its owner alone', () => {
  expect(BOOTSTRAP.admin).toEqual({ address: { pipe: { path: '/run/shunt/test/envoy-admin.sock', mode: 0o600 } } });
});

test('everything that changes comes from files in a directory each', () => {
  expect(BOOTSTRAP.static_resources).toBeUndefined();
  for (const type of ['cds', 'lds']) {
    expect(BOOTSTRAP.dynamic_resources[`${type}_config`].path_config_source).toEqual({
      path: `/run/shunt/test/xds/${type}/${type}.json`,
      watched_directory: { path: `/run/shunt/test/xds/${type}` },
    });
  }
});

test('a filter that loops for ever ends the process instead of hanging it', () => {
  expect(BOOTSTRAP.watchdogs.worker_watchdog.kill_timeout).toBe('10s');
  expect(BOOTSTRAP.watchdogs.main_thread_watchdog.kill_timeout).toBe('60s');
});

test('connections have a limit', () => {
  const [monitor] = BOOTSTRAP.overload_manager.resource_monitors;
  expect(monitor.typed_config.max_active_downstream_connections).toBe(50_000);
});

test('keeps the statistics that are read, and of a cluster few', () => {
  const patterns: { prefix?: string; safe_regex?: { regex: string } }[] =
    BOOTSTRAP.stats_config.stats_matcher.inclusion_list.patterns;
  const kept = (name: string): boolean =>
    patterns.some(({ prefix, safe_regex: expression }) =>
      prefix === undefined ? new RegExp(expression?.regex ?? '^$').test(name) : name.startsWith(prefix),
    );
  const read = [
    'cluster_manager.cds.version_text',
    'cluster_manager.cds.update_rejected',
    'listener_manager.lds.version_text',
    'listener_manager.total_listeners_warming',
    'listener_manager.workers_started',
    'extension_config_discovery.http_filter.shunt.authz.version_text',
    'wasmcustom.shunt_authz.denied',
    'cluster.default/api:8080.upstream_rq_5xx',
    'cluster.default/api:8080.upstream_cx_total',
  ];
  expect(read.filter((name) => !kept(name))).toEqual([]);
  const dropped = [
    'cluster.default/api:8080.upstream_cx_length_ms',
    'cluster.default/api:8080.circuit_breakers.default.cx_open',
  ];
  expect(dropped.filter(kept)).toEqual([]);
});

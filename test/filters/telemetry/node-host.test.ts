import { Host, type Plugin, type PropertyValue } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { loadInto, survivesDamage } from '../support/filter.ts';
import { cases, configuration, type Labels, refused } from './cases.ts';

const METRICS = [
  'istio_requests_total',
  'istio_request_duration_milliseconds',
  'istio_request_bytes',
  'istio_response_bytes',
];
const sizes = { 'request.duration': 12_999_999, 'request.total_size': 120, 'response.total_size': 3_000_000_000 };

interface Exchange {
  readonly worker?: number;
  readonly properties?: Readonly<Record<string, PropertyValue>>;
  readonly contentType?: string | undefined;
}

function exchange(plugin: Plugin, { worker = 0, properties = {}, contentType }: Exchange = {}): void {
  const stream = plugin.http({ worker, properties: { ...sizes, ...properties } });
  stream.requestHeaders(contentType === undefined ? [] : [['content-type', contentType]]);
  stream.close();
}

/** `NAME=.=VALUE;.;…METRIC` taken apart. */
function taken(name: string): { metric: string; labels: Labels } {
  const parts = name.split(';.;');
  const metric = parts.pop() ?? '';
  return { metric, labels: Object.fromEntries(parts.map((part) => part.split('=.=') as [string, string])) };
}

const series = (host: Host) => host.metrics.names().filter((name) => name.endsWith('istio_requests_total'));

describe('every case of cases.yaml in the Node host', () => {
  test.each(cases)('$name', ({ send, facts, labels }) => {
    const host = new Host();
    const contentType = send.headers?.find(([name]) => name === 'content-type')?.[1];
    const metadata = { 'xds.listener_metadata.filter_metadata.shunt.source': 'web' };
    exchange(loadInto(host, 'telemetry', configuration), { properties: { ...metadata, ...facts }, contentType });
    const names = host.metrics.names().filter((name) => name.includes('istio_'));
    expect(names.map((name) => taken(name).metric).toSorted()).toEqual(METRICS.toSorted());
    for (const name of names) expect(taken(name).labels).toEqual(labels);
    expect(host.metrics.value(names.find((name) => name.endsWith('requests_total')) ?? '')).toBe(1n);
  });
});

const byTier = (maxSeries: number) => ({ reporter: 'source', labels: { tier: '%{tier}' }, maxSeries });

test('records milliseconds and bytes', () => {
  const host = new Host();
  exchange(loadInto(host, 'telemetry', configuration));
  const samples = (metric: string) =>
    host.metrics.names().flatMap((name) => (name.endsWith(metric) ? host.metrics.samples(name) : []));
  expect(samples('istio_request_duration_milliseconds')).toEqual([12n]);
  expect(samples('istio_request_bytes')).toEqual([120n]);
  expect(samples('istio_response_bytes')).toEqual([3_000_000_000n]);
});

describe('labels', () => {
  const labelsOf = (properties: Record<string, PropertyValue>, config: object = configuration): Labels => {
    const host = new Host();
    exchange(loadInto(host, 'telemetry', config), { properties });
    return taken(series(host)[0] ?? '').labels;
  };

  test('name every response flag as Envoy does, several with commas', () => {
    expect(labelsOf({ 'response.flags': 0b11 }).response_flags).toBe('LH,UH');
    expect(labelsOf({ 'response.flags': 2 ** 14 + 2 ** 12 }).response_flags).toBe('UAEX,DC');
    expect(labelsOf({ 'response.flags': 2 ** 29 }).response_flags).toBe('UDO');
    expect(labelsOf({ 'response.flags': 2 ** 40 }).response_flags).toBe('40');
  });

  test('tell mutual TLS at the callee, and nothing of it at the caller', () => {
    expect(labelsOf({ 'connection.mtls': true }).connection_security_policy).toBe('mutual_tls');
    expect(labelsOf({ 'connection.mtls': false }).connection_security_policy).toBe('none');
    const source = { ...configuration, reporter: 'source' };
    expect(labelsOf({ 'connection.mtls': true }, source)).toMatchObject({
      connection_security_policy: 'unknown',
      reporter: 'source',
    });
  });

  test('keep 200 bytes of a value, and only printable ASCII without ; and =', () => {
    const value = `${Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('')}`;
    const printable = value.slice(0x20, 0x7f);
    const config = { reporter: 'source', labels: { tier: `%{tier}` } };
    expect(labelsOf({ tier: Buffer.from(`${printable}\xff${'x'.repeat(500)}`, 'latin1') }, config).tier).toBe(
      `${printable.replaceAll(/[;=]/g, '_')}_${'x'.repeat(104)}`,
    );
  });
});

describe('the bound', () => {
  test('holds over all workers, and what is beyond it is counted as one', () => {
    const host = new Host({ workers: 3 });
    const plugin = loadInto(host, 'telemetry', byTier(20));
    for (let i = 0; i < 3000; i++) {
      exchange(plugin, { worker: i % 3, properties: { tier: `t${i % 100}` } });
    }
    const names = series(host);
    expect(names.length).toBe(21);
    expect(host.metrics.names().length).toBe(21 * 4 + 1);
    const counts = names.map((name) => Number(host.metrics.value(name)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3000);
    const other = names.filter((name) => taken(name).labels.tier === 'other');
    expect(other.map((name) => taken(name).labels)).toEqual([
      {
        tier: 'other',
        reporter: 'source',
        request_protocol: 'other',
        response_code: 'other',
        grpc_response_status: 'other',
        response_flags: 'other',
        connection_security_policy: 'other',
      },
    ]);
    expect(host.metrics.value(other[0] ?? '')).toBe(2400n);
    expect(host.metrics.value('shunt_telemetry.overflowed')).toBe(2400n);
  });

  test('holds over reloads', () => {
    const host = new Host();
    for (let i = 0; i < 30; i++) {
      const plugin = loadInto(host, 'telemetry', byTier(10));
      exchange(plugin, { properties: { tier: `t${i}` } });
      plugin.remove();
    }
    expect(series(host).length).toBe(11);
  });

  test('holds when workers meet new labels in the middle of each other’s work', () => {
    const host = new Host({ workers: 2 });
    const plugin = loadInto(host, 'telemetry', byTier(10));
    const data = host.sharedData('');
    const read = data.get.bind(data);
    let next = 0;
    let inside = false;
    data.get = (key) => {
      const seen = read(key);
      if (!inside) {
        inside = true;
        exchange(plugin, { worker: 1, properties: { tier: `t${next++}` } });
        inside = false;
      }
      return seen === undefined ? undefined : { ...seen };
    };
    for (let i = 0; i < 50; i++) exchange(plugin, { worker: 0, properties: { tier: `t${next++}` } });
    expect(series(host).length).toBe(11);
  });

  test('does not forget in one worker what another has counted', () => {
    const host = new Host({ workers: 2 });
    const plugin = loadInto(host, 'telemetry', byTier(1));
    for (const worker of [0, 1]) exchange(plugin, { worker, properties: { tier: 'only' } });
    const [name = ''] = series(host);
    expect(taken(name).labels.tier).toBe('only');
    expect(host.metrics.value(name)).toBe(2n);
  });
});

test('an exchange that is logged before its end is not counted', () => {
  const host = new Host();
  const plugin = loadInto(host, 'telemetry', configuration);
  plugin.http({ properties: { 'response.code': 200 } }).close();
  expect(series(host)).toEqual([]);
});

test('the filter is called when an exchange begins and ends, and never in between', () => {
  const { vm } = { vm: loadInto(new Host(), 'telemetry', configuration).vm() };
  const callbacks = [
    'request_headers',
    'request_body',
    'request_trailers',
    'response_headers',
    'response_body',
    'tick',
  ];
  for (const callback of callbacks) expect(vm.exports(`proxy_on_${callback}`), callback).toBe(false);
});

test('memory stays flat over 100,000 exchanges', () => {
  const host = new Host();
  const plugin = loadInto(host, 'telemetry', byTier(100));
  const pages: number[] = [];
  for (let i = 1; i <= 100_000; i++) {
    exchange(plugin, { properties: { tier: `t${i % 1000}` } });
    if (i % 20_000 === 0) pages.push(plugin.vm().memory.pages);
  }
  expect(new Set(pages.slice(1)).size, `pages ${pages.join()}`).toBe(1);
});

describe('a configuration that is refused', () => {
  test.each(refused)('%s', (_, text, message) => {
    const host = new Host();
    expect(() => loadInto(host, 'telemetry', text)).toThrow();
    expect(host.logs).toEqual([{ level: 'error', message: `shunt.telemetry: configuration refused: ${message}` }]);
  });

  test('or damaged anywhere never breaks the VM', () => {
    survivesDamage('telemetry', { reporter: 'source', labels: { a: '%{b[c.d]|e}', f2_: '%%' }, maxSeries: 20 });
  });
});

/** Bytes that a peer controls never break a VM: headers, bodies, trailers, answers of call-outs, properties, TCP data. */
import fc from 'fast-check';
import { type HeaderList, Host, type Plugin, type PropertyValue } from 'proxy-wasm-sdk/testing/index.ts';
import { describe, expect, test } from 'vitest';
import { loadInto } from '../support/filter.ts';
import { probe } from '../support/probe.ts';

const RUNS = 300;

/** Any bytes, one character each; with what parsers look at more often than chance has it. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((all) => Buffer.from(all).toString('latin1')),
  fc
    .array(fc.constantFrom('%', '{', '}', '"', '\\', '\0', ',', ':', '/', '[', ']', '?', '\xff', 'a', '0'), {
      maxLength: 20,
    })
    .map((all) => all.join('')),
  fc.constantFrom('', '\0', '\xc3', '\xed\xa0\x80', '9'.repeat(400), 'x'.repeat(70_000)),
);
const headers: fc.Arbitrary<HeaderList> = fc.array(
  fc.tuple(fc.oneof(fc.constantFrom(':path', ':method', 'x-a', 'host', ''), bytes), bytes),
  { maxLength: 8 },
);

function intact(plugin: Plugin): void {
  const { failure } = plugin.vm();
  if (failure !== undefined) throw failure;
}

describe('the SDK, by its probe', () => {
  const orders = [
    'pairs',
    'first',
    'edit',
    'property',
    'json',
    'enqueue',
    'foreign',
    'set-property',
    'call',
    'grpc',
    'nothing',
    'hold-body',
    'splice-body',
    'edit-response',
  ];

  test('headers, bodies, trailers and answers', () => {
    const { host, plugin } = probe({ queue: 'q' });
    const exchange = fc.record({
      order: fc.oneof(fc.constantFrom(...orders), bytes),
      argument: bytes,
      headers,
      chunks: fc.array(bytes, { maxLength: 3 }),
      trailers: headers,
      property: bytes,
    });
    fc.assert(
      fc.property(exchange, (one) => {
        using stream = plugin.http({ properties: { [one.argument.replaceAll('\0', '.')]: one.property } });
        stream.requestHeaders([['x-do', one.order], ['x-with', one.argument], ...one.headers], { endOfStream: false });
        for (const chunk of one.chunks) stream.requestBody(Buffer.from(chunk, 'latin1'));
        stream.requestTrailers(structuredClone(one.trailers));
        for (const call of host.calls.http)
          host.calls.respond(call, {
            headers: structuredClone(one.headers),
            body: Buffer.from(one.property, 'latin1'),
            trailers: one.trailers,
          });
        for (const call of host.calls.grpc) {
          host.calls.grpcInitialMetadata(call, structuredClone(one.headers));
          host.calls.grpcMessage(call, Buffer.from(one.property, 'latin1'));
        }
        stream.responseHeaders(structuredClone(one.headers), { endOfStream: false });
        for (const chunk of one.chunks) stream.responseBody(Buffer.from(chunk, 'latin1'));
        stream.responseTrailers(structuredClone(one.trailers));
        host.logs.length = 0;
        intact(plugin);
      }),
      { numRuns: RUNS },
    );
    expect(plugin.vm().contextCount).toBe(1);
  });

  test('data of connections', () => {
    const { plugin } = probe({ tcp: true });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), bytes, fc.boolean()), { maxLength: 8 }), (chunks) => {
        using connection = plugin.tcp();
        connection.connect();
        for (const [down, chunk, endOfStream] of chunks) {
          const data = Buffer.from(chunk, 'latin1');
          if (down) connection.downstreamData(data, { endOfStream });
          else connection.upstreamData(data, { endOfStream });
        }
        intact(plugin);
      }),
      { numRuns: RUNS },
    );
  });
});

describe('texts, values and conditions of configurations, by the filters that use them', () => {
  const match = {
    path: ['/a*', '*b'],
    'header:x-a': ['*', '%'],
    method: ['GET'],
    'text:%{source.address|none}': ['1*'],
  };
  const by = ['path', 'method', 'principal', 'remoteAddress', 'header:x-a', 'text:%{request.headers[x-a].b|-}%%'];
  const configurations: Readonly<Record<string, object>> = {
    fault: { name: 'f', rules: [{ name: 'r', match, abort: { percent: 50, status: 503 } }] },
    ratelimit: {
      name: 'l',
      rules: [
        { name: 'r', match, by, requests: 5, perSeconds: 1 },
        { name: 's', by, requests: 9, perSeconds: 1 },
      ],
    },
    headers: {
      request: { set: { 'x-b': '%{source.address|none} %{response.code}' }, append: { 'x-a': '%{connection.mtls}' } },
      response: { add: { 'x-c': '%{connection.uri_san_peer_certificate}' }, remove: ['x-a'] },
    },
    telemetry: {
      reporter: 'destination',
      labels: { a: '%{request.headers.x-a}', b: '%{source.address|none}' },
      maxSeries: 50,
    },
  };
  const names = [
    'source.address',
    'connection.uri_san_peer_certificate',
    'connection.mtls',
    'response.code',
    'response.flags',
    'request.headers.x-a',
    'response.grpc_status',
    'request.size',
    'request.duration',
    'xds.cluster_name',
  ];
  const properties: fc.Arbitrary<Record<string, PropertyValue>> = fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof(
      bytes,
      fc.uint8Array({ maxLength: 12 }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.boolean(),
    ),
  );

  test.each(Object.keys(configurations))('%s', (filter) => {
    const host = new Host();
    const plugin = loadInto(host, filter, configurations[filter]);
    fc.assert(
      fc.property(headers, headers, properties, (request, response, known) => {
        using stream = plugin.http({ properties: known });
        stream.requestHeaders(structuredClone(request));
        stream.responseHeaders(structuredClone(response));
        host.clock.advance(10);
        host.logs.length = 0;
        intact(plugin);
      }),
      { numRuns: RUNS },
    );
  });
});

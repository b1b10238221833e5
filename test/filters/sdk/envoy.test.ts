/** What the SDK does outside of a request, in a real Envoy: call-outs that are answered, fail or are left, queues, TCP. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EchoUpstream } from '../support/echo-upstream.ts';
import { type Json, TestEnvoy, until } from '../support/envoy.ts';
import { cluster, httpListener, tcpListener, virtualHost } from '../support/envoy-config.ts';
import { memoryOf } from '../support/envoy-memory.ts';
import { HttpClient } from '../support/http-client.ts';
import { probeModulePath } from '../support/probe.ts';

/** What the called services do with a call. */
let answerHttp: (response: ServerResponse) => void;
let answerGrpc: (stream: ServerHttp2Stream) => void;
/** Calls that came and have not ended. */
let open: Set<object>;

const undo = new AsyncDisposableStack();
let envoy: TestEnvoy;
let port: number;

beforeAll(async () => {
  const upstream = undo.use(await EchoUpstream.start());
  const http = createServer((request, response) => {
    request.resume();
    track(response);
    answerHttp(response);
  });
  const grpc = createHttp2Server();
  grpc.on('stream', (stream) => {
    stream.on('error', () => {});
    track(stream);
    answerGrpc(stream);
  });
  const echo = createTcpServer((socket) => socket.on('error', () => {}).pipe(socket));
  const [httpPort, grpcPort, echoPort] = [await listen(http), await listen(grpc), await listen(echo)];
  const http2 = {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  };
  const target = { ...(cluster('target', grpcPort) as object), typed_extension_protocol_options: http2 } as Json;
  const path = probeModulePath();
  envoy = undo.use(
    await TestEnvoy.start(() => ({
      clusters: [cluster('up', upstream.port), cluster('cluster', httpPort), target, cluster('echo', echoPort)],
      listeners: [
        httpListener({
          name: 'http',
          filters: [wasm('http', path, { queue: 'q' })],
          virtualHosts: [virtualHost('*', 'up')],
        }),
        tcpListener('echo', [wasm('network', path, { tcp: true })]),
      ],
    })),
  );
  port = await envoy.port('http');
});

afterAll(() => undo[Symbol.asyncDispose]());

beforeEach(() => {
  open = new Set();
});

function track(call: ServerResponse | ServerHttp2Stream): void {
  const mine = open;
  mine.add(call);
  call.once('close', () => mine.delete(call));
}

async function listen(server: Server | Http2Server | TcpServer): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  undo.defer(() => {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function wasm(kind: 'http' | 'network', filename: string, configuration: object): Json {
  const value = JSON.stringify(configuration);
  return {
    name: 'probe',
    typed_config: {
      '@type': `type.googleapis.com/envoy.extensions.filters.${kind}.wasm.v3.Wasm`,
      config: {
        name: 'probe',
        failure_policy: 'FAIL_CLOSED',
        vm_config: { vm_id: `probe.${kind}`, runtime: 'envoy.wasm.runtime.v8', code: { local: { filename } } },
        configuration: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value },
      },
    },
  };
}

/** Gives an order to the probe. */
async function order(what: string, argument = ''): Promise<{ status: number; body: string }> {
  using client = new HttpClient(port);
  return await client.send({
    headers: [
      ['x-do', what],
      ['x-with', argument],
    ],
  });
}

const answered = async (what: string, argument = ''): Promise<string> => {
  const { body } = await order(what, argument);
  const seen = JSON.parse(body) as { headers: [string, string][] };
  return seen.headers.find(([name]) => name === 'x-answer')?.[1] ?? 'passed on';
};

/** What the filter has logged since `from` characters of Envoy's log. */
function said(from: number): string[] {
  return [
    ...envoy
      .log()
      .slice(from)
      .matchAll(/wasm log[^:]*: (.*)$/gm),
  ].map(([, line = '']) => line);
}

async function says(from: number, lines: readonly string[]): Promise<void> {
  await until(() => said(from).length >= lines.length, 5_000, `no ${lines.join(', ')} in the log`);
  expect(said(from)).toEqual(lines);
}

const NEVER = (): void => {};

/** Clients come, give the order, and leave while the call is under way. */
async function leaving(count: number, what: string, argument = ''): Promise<void> {
  for (let round = 0; round < count / 20; round++) {
    const clients = Array.from({ length: 20 }, () => new HttpClient(port));
    const headers: [string, string][] = [
      ['x-do', what],
      ['x-with', argument],
    ];
    const left = clients.map((client) =>
      client.send({ headers }).then(
        () => 'answered',
        () => 'left',
      ),
    );
    await until(() => open.size === 20, 5_000, `${open.size} of 20 calls came`);
    for (const client of clients) client[Symbol.dispose]();
    expect(new Set(await Promise.all(left))).toEqual(new Set(['left']));
    await until(() => open.size === 0, 5_000, `${open.size} of 20 calls go on`);
  }
}

describe('HTTP call-outs', () => {
  test('are answered, and the stream goes on', async () => {
    answerHttp = (response) => response.writeHead(201).end('b');
    expect(await answered('call')).toBe('201 b true');
  });

  test('fail: no answer in time, and a connection that is reset', async () => {
    answerHttp = NEVER;
    // Envoy answers for the upstream
    expect(await answered('call')).toBe('504 upstream request timeout true');
    answerHttp = (response) => response.destroy();
    expect(await answered('call')).toMatch(/^503 .*reset.* true$/);
  });

  test('without pseudo-headers are not sent', async () => {
    expect((await order('call', 'bad')).body).toBe('not sent 2');
  });

  test('of clients that leave are cancelled, and nothing stays of them', async () => {
    answerHttp = NEVER;
    await leaving(40, 'call');
    const before = memoryOf(envoy.pid).vmsKb;
    await leaving(400, 'call');
    expect(memoryOf(envoy.pid).vmsKb).toEqual(before);
    expect(await envoy.stat('cluster.cluster.upstream_rq_active')).toBe(0);
    answerHttp = (response) => response.end('still there');
    expect(await answered('call')).toBe('200 still there true');
  });
});

describe('gRPC call-outs', () => {
  const frame = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), Buffer.from(text)]);
  const respond = (stream: ServerHttp2Stream, message: string | undefined, status: string): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-initial': '1' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': 'why' }));
    if (message === undefined) stream.end();
    else stream.end(frame(message));
  };

  test('of one message are answered', async () => {
    answerGrpc = (stream) => respond(stream, 'reply', '0');
    const from = envoy.log().length;
    expect(await answered('grpc', 'call')).toBe('passed on');
    await says(from, ['grpc message reply']);
  });

  test('of one message fail: by their status, in time, without a connection', async () => {
    answerGrpc = (stream) => respond(stream, undefined, '5');
    let from = envoy.log().length;
    expect(await answered('grpc', 'call')).toBe('passed on');
    await says(from, ['grpc closed 5 5 why{via_upstream}']);
    answerGrpc = NEVER;
    from = envoy.log().length;
    expect(await answered('grpc', 'call')).toBe('passed on');
    await until(() => said(from).length > 0, 5_000, 'the call does not end');
    expect(said(from)[0]).toMatch(/^grpc closed (4 4|14 14) /);
    answerGrpc = (stream) => stream.session?.destroy();
    from = envoy.log().length;
    expect(await answered('grpc', 'call')).toBe('passed on');
    await until(() => said(from).length > 0, 5_000, 'the call does not end');
    expect(said(from)[0]).toMatch(/^grpc closed 14 14 /);
  });

  test('that are streams send, hear, answer and end', async () => {
    const heard: string[] = [];
    answerGrpc = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.on('data', (chunk: Buffer) => {
        heard.push(chunk.toString('utf8', 5));
        if (heard.length === 1) stream.write(frame('more'));
      });
      stream.on('end', () => stream.end());
    };
    const from = envoy.log().length;
    expect(await answered('grpc', 'stream')).toBe('passed on');
    await until(() => said(from).length >= 4, 5_000, 'the stream does not end');
    const [initial, message, trailing, closed] = said(from);
    expect(initial).toMatch(/^grpc initial [1-9]/);
    expect([message, closed]).toEqual(['grpc message more', 'grpc closed 0 0 via_upstream']);
    expect(trailing).toMatch(/^grpc trailing \d/);
    expect(heard).toEqual(['one', 'again']);
  });

  test('that are cancelled take and bring nothing more', async () => {
    answerGrpc = NEVER;
    expect((await order('grpc', 'cancel')).body).toMatch(/^cancelled 0 [1-9]/);
    await until(() => open.size === 0, 5_000, 'the stream goes on');
  });

  test.each(['call', 'stream'])('of clients that leave are cancelled, and nothing stays of them: %s', async (kind) => {
    answerGrpc = NEVER;
    await leaving(40, 'grpc', kind);
    const before = memoryOf(envoy.pid).vmsKb;
    await leaving(kind === 'call' ? 20 : 400, 'grpc', kind);
    expect(memoryOf(envoy.pid).vmsKb).toEqual(before);
    expect(await envoy.stat('cluster.target.upstream_rq_active')).toBe(0);
  });
});

test('a queue delivers what was put into it', async () => {
  const from = envoy.log().length;
  expect((await order('enqueue', 'hello')).body).toBe('0');
  await says(from, ['queue true: hello']);
});

describe('TCP', () => {
  /** Sends, and gives what came back once it ends with `last`; '' as `last`: until the connection is closed. */
  async function exchange(text: string, last: string): Promise<string> {
    const socket = connect(await envoy.port('tcp'), '127.0.0.1');
    let received = '';
    let closed = false;
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      closed = true;
    });
    socket.write(text);
    await until(() => closed || (last !== '' && received.endsWith(last)), 5_000, `${JSON.stringify(received)} came`);
    // An end alone would be passed on to the upstream, and whichever of the two then closes first is told.
    socket.resetAndDestroy();
    return received;
  }

  test('data is changed in both directions', async () => {
    const from = envoy.log().length;
    expect(await exchange('ab', '>3')).toBe('<ab>3');
    await until(() => said(from).includes('downstream closed true'), 5_000, 'no end of the connection');
    expect(said(from)[0]).toBe('connected');
  });

  test('a filter can close a connection', async () => {
    expect(await exchange('close', '')).not.toContain('close');
  });

  test('data that is held goes on with what follows', async () => {
    const socket = connect(await envoy.port('tcp'), '127.0.0.1');
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.write('hold');
    const from = envoy.log().length;
    await until(() => said(from).includes('held 4'), 5_000, 'it is not held');
    expect(received).toBe('');
    socket.write('+');
    await until(() => received.endsWith('>6'), 5_000, `${JSON.stringify(received)} came`);
    expect(received).toBe('<hold+>6');
    socket.destroy();
  });
});

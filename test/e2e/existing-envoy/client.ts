/**
 * Requests over mTLS to https://localhost:8443, all of one protocol over one connection.
 * Usage: client.ts IDENTITY http1|http2|grpc PATH … | until PATH, in the folder of the certificates.
 * Prints {answers, connections} as JSON: {status,body} for HTTP, {status,grpc,message} for gRPC. `until` asks again and
 * again until the answer is another, says `asking` on stderr after the first, and prints each answer once.
 */
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Agent, get } from 'node:https';
import { text } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { request } from 'http2-wrapper';

const [identity = '', protocol = '', ...words] = process.argv.slice(2);
const ORIGIN = 'https://localhost:8443';
const tls = {
  ca: readFileSync('ca.pem'),
  cert: readFileSync(`${identity}.pem`),
  key: readFileSync(`${identity}.key`),
};

interface Answer {
  readonly status: number;
  readonly body?: string;
  readonly grpc?: string;
  readonly message?: string;
}

interface Client {
  ask(path: string): Promise<Answer>;
  connections(): number;
  close(): void;
}

function http1(): Client {
  const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
  const sockets = new Set<unknown>();
  const ask = (path: string): Promise<Answer> =>
    new Promise((done, failed) => {
      get(new URL(path, ORIGIN), { agent }, (response) => {
        sockets.add(response.socket);
        text(response).then((body) => done({ status: response.statusCode ?? 0, body }), failed);
      }).once('error', failed);
    });
  return { ask, connections: () => sockets.size, close: () => agent.destroy() };
}

function http2(): Client {
  const h2session = session();
  const ask = (path: string): Promise<Answer> =>
    new Promise((done, failed) => {
      const sent = request(new URL(path, ORIGIN), { h2session }, (response) => {
        text(response).then((body) => done({ status: response.statusCode ?? 0, body }), failed);
      });
      sent.once('error', failed);
      sent.end();
    });
  return { ask, connections: () => 1, close: () => h2session.close() };
}

/** Each call sends two messages, its path and `again`, and gets them back. */
function grpc(): Client {
  const calls = session();
  const ask = (path: string): Promise<Answer> =>
    new Promise((done, failed) => {
      const stream = calls.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      let status = 0;
      let ending: Record<string, unknown> = {};
      const received: Buffer[] = [];
      stream.on('response', (headers) => {
        status = Number(headers[':status']);
        // An answer that is headers alone has its trailers among them.
        ending = headers;
      });
      stream.on('trailers', (trailers) => {
        ending = trailers;
      });
      stream.on('data', (chunk: Buffer) => received.push(chunk));
      stream.once('error', failed);
      stream.once('close', () =>
        done({ status, grpc: String(ending['grpc-status']), message: messages(Buffer.concat(received)).join(' ') }),
      );
      stream.write(frame(path));
      stream.end(frame('again'));
    });
  return { ask, connections: () => 1, close: () => calls.close() };
}

/** The one connection: where the server sends it away, this process fails. */
function session(): ClientHttp2Session {
  return connect(ORIGIN, tls).once('goaway', () => {
    throw new Error('the server drains the connection');
  });
}

function frame(message: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(message), 1);
  return Buffer.concat([head, Buffer.from(message)]);
}

function messages(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    found.push(bytes.toString('utf8', at + 5, end));
    at = end;
  }
  return found;
}

async function untilAnother(client: Client, path: string): Promise<Answer[]> {
  const first = await client.ask(path);
  process.stderr.write('asking\n');
  let answer = first;
  while (isDeepStrictEqual(answer, first)) answer = await client.ask(path);
  return [first, answer];
}

const client = { http1, http2, grpc }[protocol as 'http1']();
const [how = '', path = ''] = words;
const answers = how === 'until' ? await untilAnother(client, path) : await Promise.all(words.map(client.ask));
process.stdout.write(`${JSON.stringify({ answers, connections: client.connections() })}\n`);
client.close();

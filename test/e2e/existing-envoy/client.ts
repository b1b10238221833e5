/**
 * Requests over mTLS to https://localhost:8443, all of one protocol over one connection.
 * Usage: client.ts IDENTITY http1|http2|grpc PATH …, in the folder of the certificates.
 * Prints a JSON list: {status,body} for HTTP, {status,grpc,message} for gRPC, and the number of connections.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent, get } from 'node:https';
import { text } from 'node:stream/consumers';
import { request } from 'http2-wrapper';

const [identity = '', protocol = '', ...paths] = process.argv.slice(2);
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

async function overHttp1(): Promise<{ answers: Answer[]; connections: number }> {
  const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
  const sockets = new Set<unknown>();
  const answers: Answer[] = [];
  for (const path of paths) {
    answers.push(
      await new Promise<Answer>((done, failed) => {
        get(new URL(path, ORIGIN), { agent }, (response) => {
          sockets.add(response.socket);
          text(response).then((body) => done({ status: response.statusCode ?? 0, body }), failed);
        }).once('error', failed);
      }),
    );
  }
  agent.destroy();
  return { answers, connections: sockets.size };
}

async function overHttp2(): Promise<{ answers: Answer[]; connections: number }> {
  const h2session = connect(ORIGIN, tls);
  const ask = (path: string): Promise<Answer> =>
    new Promise((done, failed) => {
      const sent = request(new URL(path, ORIGIN), { h2session }, (response) => {
        text(response).then((body) => done({ status: response.statusCode ?? 0, body }), failed);
      });
      sent.once('error', failed);
      sent.end();
    });
  const answers = await Promise.all(paths.map(ask));
  h2session.close();
  return { answers, connections: 1 };
}

/** Each call sends two messages, its path and `again`, and gets them back. */
async function overGrpc(): Promise<{ answers: Answer[]; connections: number }> {
  const session = connect(ORIGIN, tls);
  const call = (path: string): Promise<Answer> =>
    new Promise((done, failed) => {
      const stream = session.request({
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
  const answers = await Promise.all(paths.map(call));
  session.close();
  return { answers, connections: 1 };
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

const result = await { http1: overHttp1, http2: overHttp2, grpc: overGrpc }[protocol as 'http1']();
process.stdout.write(`${JSON.stringify(result)}\n`);

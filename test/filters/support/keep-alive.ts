/** Clients that ask for one path after the other over one connection, by HTTP/1.1 or HTTP/2, and tell the status. */
import { connect } from 'node:http2';
import { RawClient } from './raw-client.ts';

export interface KeepAlive extends Disposable {
  /** @throws Error when the connection ends. */
  ask(path: string): Promise<number>;
  /** Made so far: 1 while the server closed none. */
  connections(): number;
}

export function keepAliveHttp1(port: number, host: string): KeepAlive {
  const client = new RawClient(port);
  return {
    ask: async (path) => (await client.request('GET', path, host)).status,
    connections: () => client.connections,
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** With prior knowledge, without TLS. GOAWAY is an error of the next request. */
export function keepAliveHttp2(port: number, host: string): KeepAlive {
  const session = connect(`http://127.0.0.1:${port}`);
  // told to the request that is under way
  session.on('error', () => {});
  const ask = (path: string): Promise<number> =>
    new Promise((done, fail) => {
      const stream = session.request({ ':path': path, ':authority': host });
      let status = 0;
      stream.once('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      stream.once('error', fail);
      stream.once('close', () => (status === 0 ? fail(new Error(`${path}: no answer`)) : done(status)));
      stream.resume();
    });
  return { ask, connections: () => 1, [Symbol.dispose]: () => session.destroy() };
}

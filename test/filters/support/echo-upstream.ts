/** What Envoy forwards to, when headers matter: says what arrived, answers what it is asked to. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HeaderList } from 'proxy-wasm-sdk/testing/index.ts';
import { pairsOf } from './http-client.ts';

export interface Arrived {
  readonly method: string;
  readonly path: string;
  /** Lower-case names, in order, repeated ones too. */
  readonly headers: HeaderList;
}

/** The response's body is an `Arrived` in JSON. `x-respond` of the request: JSON of headers to answer with (`:status`, `:delay` in ms). */
export class EchoUpstream implements AsyncDisposable {
  readonly port: number;
  /** Requests so far. */
  arrived = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('request', (request, response) => {
      request.resume();
      request.on('end', () => {
        this.arrived++;
        const headers = pairsOf(request.rawHeaders);
        const wanted = headers.find(([name]) => name === 'x-respond')?.[1] ?? '[]';
        let delayMs = 0;
        for (const [name, value] of JSON.parse(wanted) as HeaderList) {
          if (name === ':status') response.statusCode = Number(value);
          else if (name === ':delay') delayMs = Number(value);
          else response.appendHeader(name, value);
        }
        const body = JSON.stringify({ method: request.method, path: request.url, headers });
        if (delayMs === 0) response.end(body);
        else setTimeout(() => response.end(body), delayMs).unref();
      });
    });
  }

  static async start(): Promise<EchoUpstream> {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new EchoUpstream(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

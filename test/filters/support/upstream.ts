/** What Envoy forwards to: answers 200 to everything, with the path it saw. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class Upstream implements AsyncDisposable {
  readonly port: number;
  requests = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('request', (request, response) => {
      this.requests++;
      request.resume();
      const body = `${request.method} ${request.url}`;
      response.writeHead(200, { 'content-length': Buffer.byteLength(body, 'latin1') }).end(body, 'latin1');
    });
  }

  static async start(): Promise<Upstream> {
    const server = createServer({ maxHeaderSize: 128 * 1024, insecureHTTPParser: true });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new Upstream(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

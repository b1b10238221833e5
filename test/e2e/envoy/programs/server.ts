/**
 * An application behind the proxy, on 127.0.0.1:8080 of its namespace. Says what it was asked: method, URL, headers, size and
 * hash of the body. Argument `http2`: HTTP/2 without TLS. `tcp`: sends back what it gets, and `end` after the end. `rude`: ends
 * each connection some time after its first answer, without a word.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer as createTcpServer } from 'node:net';

const [kind = 'http', name = 'server'] = process.argv.slice(2);
const RUDE_AFTER_MS = 3;

async function answer(request: IncomingMessage | Http2ServerRequest, write: (text: string) => void): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    size += chunk.length;
  }
  const { method, url, headers, httpVersion } = request;
  const peer = request.socket.remoteAddress;
  write(JSON.stringify({ name, method, url, headers, httpVersion, peer, size, sha256: hash.digest('hex') }));
}

function listen(): void {
  if (kind === 'tcp') {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      socket.pipe(socket, { end: false });
      socket.on('end', () => socket.end('end'));
    });
    server.listen(8080, '127.0.0.1');
  } else if (kind === 'http2') {
    const server = createHttp2Server((request: Http2ServerRequest, response: Http2ServerResponse) => {
      void answer(request, (text) => response.end(text));
    });
    server.listen(8080, '127.0.0.1');
  } else {
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      void answer(request, (text) => {
        response.setHeader('server', 'the-application');
        response.end(text);
        if (kind === 'rude') setTimeout(() => request.socket.destroy(), RUDE_AFTER_MS);
      });
    });
    server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
      socket.pipe(socket);
    });
    server.listen(8080, '127.0.0.1');
  }
}

listen();

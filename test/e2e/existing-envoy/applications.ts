/** What docs/existing-envoy.md has Envoy in front of: HTTP/1.1 on 8080, and a gRPC service of echoes on 9090. */
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';

createServer((request, response) => {
  request.resume();
  response.end(`${request.method} ${request.url}\n`);
}).listen(8080, '127.0.0.1');

const grpc = createHttp2Server();
grpc.on('stream', (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'done' }));
  // A message is its frame: one byte of flags, four of length, the bytes. An echo need not look into it.
  stream.on('data', (chunk: Buffer) => stream.write(chunk));
  stream.on('end', () => stream.end());
});
grpc.listen(9090, '127.0.0.1', () => process.stdout.write('ready\n'));

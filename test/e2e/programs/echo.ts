/** A small HTTP service for tests: says who it is and what arrived. Usage: echo.ts PORT */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const hash = createHash('sha256');
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  request.on('end', () => {
    const body = JSON.stringify({
      workload: process.env.SHUNT_WORKLOAD,
      method: request.method,
      path: request.url,
      headers: request.headers,
      bodyBytes: length,
      bodySha256: hash.digest('hex'),
    });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`${body}\n`);
  });
});
// Longer than any pause of a test: a server that closes idle connections would look like a failure of the mesh.
server.keepAliveTimeout = 120_000;
server.listen(Number(process.argv[2]), '127.0.0.1');

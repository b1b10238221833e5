/** PUT keeps a body in memory, GET answers it. Usage: http-server.ts ADDRESS PORT */
import { createServer } from 'node:http';

const [address = '', port = ''] = process.argv.slice(2);
const bodies = new Map<string, Buffer>();
const server = createServer(async (request, response) => {
  const path = request.url ?? '';
  if (request.method === 'PUT') {
    bodies.set(path, Buffer.concat(await Array.fromAsync<Buffer>(request)));
    response.writeHead(201).end();
  } else {
    response.writeHead(200).end(bodies.get(path));
  }
});
server.keepAliveTimeout = 120_000;
server.listen(Number(port), address);

/** Serves the files of a folder from memory. Usage: http-server.ts FOLDER PORT */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [folder = '', port = ''] = process.argv.slice(2);
const files = new Map(readdirSync(folder).map((name) => [`/${name}`, readFileSync(join(folder, name))]));
const server = createServer((request, response) => {
  const body = files.get(request.url ?? '');
  response.writeHead(body === undefined ? 404 : 200, { 'content-length': body?.length ?? 0 }).end(body);
});
server.keepAliveTimeout = 120_000;
server.listen(Number(port), '0.0.0.0');

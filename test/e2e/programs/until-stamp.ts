/**
 * Asks a URL over one keep-alive connection until the header `x-stamp` that the service saw is STAMP, at most a minute.
 * Usage: until-stamp.ts URL STAMP. Prints {"stamps":[each other value in turn],"connections":n,"wrong":[statuses]}
 */
import { Agent, get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';

const [url = '', wanted = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const sockets = new Set<Socket>();
const stamps: (string | undefined)[] = [];
const wrong: (number | undefined)[] = [];
const deadline = Date.now() + 60_000;

while (stamps.at(-1) !== wanted && Date.now() < deadline) {
  const response = await new Promise<IncomingMessage>((done, failed) => {
    get(url, { agent }, done).once('error', failed);
  });
  sockets.add(response.socket);
  const body = await text(response);
  if (response.statusCode === 200) {
    const { headers } = JSON.parse(body) as { headers: Record<string, string> };
    if (headers['x-stamp'] !== stamps.at(-1)) stamps.push(headers['x-stamp']);
    if (stamps.length === 1 && wrong.length === 0) process.stderr.write('started\n');
  } else wrong.push(response.statusCode);
}
agent.destroy();
console.log(JSON.stringify({ stamps, connections: sockets.size, wrong }));

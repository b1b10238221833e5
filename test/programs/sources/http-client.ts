/** Node's http: PUT, then GET of the same path, over one kept connection. Usage: report.ts */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { exchangeAll, report, STALL_MS, Stalled } from './report.ts';

const [host = '', port = '', sizes = ''] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function send(method: string, path: string, body?: Buffer): Promise<Buffer> {
  return new Promise((done, failed) => {
    const sent = request({ host, port, agent, method, path, timeout: STALL_MS }, async (response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of response) chunks.push(chunk as Buffer);
      } catch (error) {
        return failed(error as Error);
      }
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) failed(new Error(`${method} ${path}: ${status} ${Buffer.concat(chunks)}`));
      else done(Buffer.concat(chunks));
    });
    sent.once('timeout', () => sent.destroy(new Stalled(`${method} stalled`)));
    sent.once('error', failed);
    sent.end(body);
  });
}

async function exchange(body: Buffer, index: number): Promise<Buffer> {
  const path = `/${index}`;
  await send('PUT', path, body);
  return await send('GET', path);
}

await report(await exchangeAll(sizes.split(',').map(Number), exchange, randomBytes));
agent.destroy();

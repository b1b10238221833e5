/** Redis and memcached: SET, then GET of the same key, over one connection. Usage: keyed-client.ts redis|memcached and report.ts */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { exchangeAll, report, STALL_MS, Stalled } from './report.ts';

interface Dialect {
  set(key: string, body: Buffer): Buffer[];
  readonly stored: string;
  get(key: string): string;
  /** What comes before and after a body of this size. */
  framing(key: string, size: number): [before: string, after: string];
}

const DIALECTS: Readonly<Record<string, Dialect>> = {
  redis: {
    set: (key, body) => [
      Buffer.from(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${body.length}\r\n`),
      body,
      Buffer.from('\r\n'),
    ],
    stored: '+OK\r\n',
    get: (key) => `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`,
    framing: (_, size) => [`$${size}\r\n`, '\r\n'],
  },
  memcached: {
    set: (key, body) => [Buffer.from(`set ${key} 0 0 ${body.length}\r\n`), body, Buffer.from('\r\n')],
    stored: 'STORED\r\n',
    get: (key) => `get ${key}\r\n`,
    framing: (key, size) => [`VALUE ${key} 0 ${size}\r\n`, '\r\nEND\r\n'],
  },
};

const [name = '', host = '', port = '', sizes = ''] = process.argv.slice(2);
const dialect = DIALECTS[name];
if (dialect === undefined) throw new Error(`dialect ${name}: expected one of ${Object.keys(DIALECTS)}`);
const { set, stored, get, framing } = dialect;
const socket = connect({ host, port: Number(port), noDelay: true });
await new Promise((connected, failed) => socket.once('connect', connected).once('error', failed));

function take(length: number, what: string): Promise<Buffer> {
  return new Promise((done, failed) => {
    const chunks: Buffer[] = [];
    let have = 0;
    const stalled = setTimeout(() => finish(new Stalled(`${what} stalled after ${have} of ${length} bytes`)), STALL_MS);
    const closed = () => finish(new Error(`${what}: closed after ${have} bytes`));
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      have += chunk.length;
      stalled.refresh();
      if (have >= length) finish();
    };
    const finish = (error?: Error) => {
      clearTimeout(stalled);
      socket.off('data', onData).off('close', closed);
      if (error === undefined) done(Buffer.concat(chunks));
      else failed(error);
    };
    socket.on('data', onData).once('close', closed);
  });
}

async function exchange(body: Buffer, index: number): Promise<Buffer> {
  const key = `key${index}`;
  socket.cork();
  for (const part of set(key, body)) socket.write(part);
  socket.uncork();
  const answer = await take(stored.length, 'set');
  if (answer.toString() !== stored) throw new Error(`set of ${body.length} bytes: ${answer}`);
  const [before, after] = framing(key, body.length);
  socket.write(get(key));
  const text = await take(before.length + body.length + after.length, 'get');
  return text.subarray(before.length, text.length - after.length);
}

await report(await exchangeAll(sizes.split(',').map(Number), exchange, randomBytes));
socket.destroy();

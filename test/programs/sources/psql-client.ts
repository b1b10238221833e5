/** psql: INSERTs and SELECTs texts over one connection; the server's hash of each is compared too. Usage: report.ts */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { exchangeAll, report, STALL_MS, Stalled } from './report.ts';

const [host = '', port = '', sizes = ''] = process.argv.slice(2);
const args = ['--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1'];
const psql = spawn('psql', [...args, `--host=${host}`, `--port=${port}`, '--username=postgres', 'postgres'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const lines = createInterface(psql.stdout)[Symbol.asyncIterator]();
psql.stdin.write('CREATE TEMPORARY TABLE texts (id int, text text);\n');

async function line(what: string): Promise<string> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stalled = setTimeout(() => reject(new Stalled(`${what} stalled`)), STALL_MS);
  try {
    const { value, done } = await Promise.race([lines.next(), promise]);
    if (done) throw new Error(`psql ended in ${what}`);
    return value;
  } finally {
    clearTimeout(stalled);
  }
}

/** As text of the asked size: a statement and its answer are text. */
async function exchange(body: Buffer, index: number): Promise<Buffer> {
  const text = body.toString('latin1');
  psql.stdin.write(`INSERT INTO texts VALUES (${index}, '${text}');\n`);
  psql.stdin.write(`SELECT encode(sha256(text::bytea), 'hex') FROM texts WHERE id = ${index};\n`);
  const hash = await line('insert');
  if (hash !== createHash('sha256').update(body).digest('hex')) throw new Error(`another hash: ${hash}`);
  psql.stdin.write(`SELECT text FROM texts WHERE id = ${index};\n`);
  return Buffer.from(await line('select'), 'latin1');
}

const asText = (size: number): Buffer => Buffer.from(randomBytes(size).toString('base64').slice(0, size));
await report(await exchangeAll(sizes.split(',').map(Number), exchange, asText));
psql.stdin.end();

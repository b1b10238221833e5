/**
 * Sends requests over keep-alive connections until SIGTERM, alternating between a URL that policy allows and one that it
 * denies. Usage: load.ts ALLOWED-URL DENIED-URL CONNECTIONS. Four lines a second, and one at the end:
 * {"allowed":n,"denied":n,"wrong":["…"],"failed":["…"]}
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';

const [allowedUrl = '', deniedUrl = '', connections = '4'] = process.argv.slice(2);
const allowed = new URL(allowedUrl);
const denied = new URL(deniedUrl);
const pool = new Pool(allowed.origin, { connections: Number(connections), pipelining: 1 });
/** While nobody listens, or each line would be longer by thousands of failures. */
const AFTER_FAILURE_MS = 20;
const result = { allowed: 0, denied: 0, wrong: [] as string[], failed: [] as string[] };
let running = true;

async function send(url: URL, expected: number): Promise<void> {
  try {
    const response = await pool.request({ method: 'GET', path: url.pathname, headersTimeout: 10_000 });
    await response.body.dump();
    if (response.statusCode !== expected) {
      const list = response.statusCode === 200 || response.statusCode === 403 ? result.wrong : result.failed;
      list.push(`${url.pathname}: ${response.statusCode}`);
    } else if (expected === 200) result.allowed += 1;
    else result.denied += 1;
  } catch (error) {
    result.failed.push(`${url.pathname}: ${String(error)}`);
    await delay(AFTER_FAILURE_MS);
  }
}

async function loop(): Promise<void> {
  while (running) {
    await send(allowed, 200);
    await send(denied, 403);
  }
}

const print = (): void => void process.stdout.write(`${JSON.stringify(result)}\n`);
const ticker = setInterval(print, 250);
process.once('SIGTERM', () => {
  running = false;
});
await Promise.all(Array.from({ length: Number(connections) }, loop));
clearInterval(ticker);
await pool.destroy();
print();

/** PUTs random bodies of the given sizes to URL over one keep-alive connection and compares the hash that the server saw. */
import { createHash, randomBytes } from 'node:crypto';
import { Client } from 'undici';

const [text = '', ...sizes] = process.argv.slice(2);
const url = new URL(text);
const client = new Client(url.origin, { headersTimeout: 30_000, bodyTimeout: 30_000 });
const wrong: string[] = [];
for (const size of sizes.map(Number)) {
  const body = randomBytes(size);
  const response = await client.request({ method: 'PUT', path: url.pathname, body });
  const seen = (await response.body.json()) as { bodyBytes: number; bodySha256: string };
  const equal = seen.bodyBytes === size && seen.bodySha256 === createHash('sha256').update(body).digest('hex');
  if (!equal) wrong.push(`${size} bytes: status ${response.statusCode}, ${seen.bodyBytes} arrived`);
}
await client.destroy();
process.stdout.write(`${JSON.stringify({ sent: sizes.length, wrong })}\n`);

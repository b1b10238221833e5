/** Ten requests at a time over one HTTP/2 connection (prior knowledge). Usage: http2-client.ts ORIGIN PATH … */
import { connect } from 'node:http2';
import { request } from 'http2-wrapper';

const [origin = '', ...paths] = process.argv.slice(2);
const h2session = connect(origin);
const statuses = await Promise.all(
  paths.map(
    (path) =>
      new Promise<number>((resolve, reject) => {
        const sent = request(new URL(path, origin), { h2session }, (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode ?? 0));
        });
        sent.once('error', reject);
        sent.end();
      }),
  ),
);
h2session.close();
process.stdout.write(`${JSON.stringify(statuses)}\n`);

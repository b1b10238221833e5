/** Node: sends and reads back at the same time. Usage: report.ts */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { exchangeAll, report, STALL_MS, Stalled } from './report.ts';

const [host = '', port = '', sizes = ''] = process.argv.slice(2);
const socket = connect({ host, port: Number(port), noDelay: true });
await new Promise((connected, failed) => socket.once('connect', connected).once('error', failed));

function exchange(body: Buffer): Promise<Buffer> {
  return new Promise((done, failed) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (error?: Error) => {
      clearTimeout(stalled);
      socket.off('data', take).off('close', closed);
      if (error === undefined) done(Buffer.concat(chunks));
      else failed(error);
    };
    const stalled = setTimeout(() => finish(new Stalled(`stalled after ${length} bytes`)), STALL_MS);
    const closed = () => finish(new Error(`closed after ${length} of ${body.length} bytes`));
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      stalled.refresh();
      if (length >= body.length) finish();
    };
    socket.on('data', take).once('close', closed);
    socket.write(body);
  });
}

await report(await exchangeAll(sizes.split(',').map(Number), exchange, randomBytes));
socket.destroy();

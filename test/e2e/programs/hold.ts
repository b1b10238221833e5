/**
 * hold.ts HOST PORT: holds one connection to a Redis and says PING over it, until the connection ends. Prints `pong` for
 * the first answer, and the code of the error at the end, or `end`.
 */
import { connect } from 'node:net';

const [host = '', port = ''] = process.argv.slice(2);
const socket = connect({ host, port: Number(port) });
let answers = 0;
const ping = (): void => void socket.write('PING\r\n');
socket.on('data', () => {
  if (answers++ === 0) console.log('pong');
  setTimeout(ping, 5);
});
socket.on('connect', ping);
socket.on('error', (error: NodeJS.ErrnoException) => console.log(error.code));
socket.on('end', () => console.log('end'));
socket.on('close', () => process.exit());

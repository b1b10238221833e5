/** Sends back what arrives. Usage: echo-server.ts ADDRESS PORT */
import { createServer } from 'node:net';

const [address = '', port = ''] = process.argv.slice(2);
createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
}).listen(Number(port), address);

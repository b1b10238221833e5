/**
 * echo.ts listen PORT: prints [] when it listens on 127.0.0.1, echoes.
 * echo.ts connect [ADDRESS:]PORT ROUNDS: sends 64 bytes and waits for them, ROUNDS times, prints the number of bytes that came
 * back; again for each signal SIGUSR1, on the same connection. Node's sockets do not block and wait level-triggered.
 */
import { connect, createServer, type Socket } from 'node:net';

const [role, port, rounds] = process.argv.slice(2);
const message = Buffer.alloc(64, 'm');

async function exchange(socket: Socket): Promise<void> {
  let bytes = 0;
  for (let round = 0; round < Number(rounds); round++) {
    socket.write(message);
    for (let got = 0; got < message.length; ) {
      const [chunk] = await new Promise<[Buffer]>((resolve) => socket.once('data', (data) => resolve([data])));
      got += chunk.length;
      bytes += chunk.length;
    }
  }
  console.log(JSON.stringify(bytes));
}

if (role === 'listen') {
  createServer((socket) => socket.pipe(socket)).listen(Number(port), '127.0.0.1', () => console.log('[]'));
} else {
  const [, host = '127.0.0.1', number] = /^(?:(.*):)?(\d+)$/.exec(port ?? '') ?? [];
  const socket = connect({ host, port: Number(number) });
  socket.once('connect', () => exchange(socket));
  process.on('SIGUSR1', () => exchange(socket));
}

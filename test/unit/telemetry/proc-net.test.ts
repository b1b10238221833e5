import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { parseProcNetTcp } from '../../../src/telemetry/proc-net.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

it('reads addresses, state and inode, of IPv4, IPv6 and v4-mapped sockets', () => {
  const text = `${HEAD}   0: 0100007F:1F90 0200000A:C001 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 20 4 30 10 -1
   1: 000096FD000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0
   2: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C002 08 00000000:00000000 00:00000000 00000000     0        0 13 1 0
`;
  expect(parseProcNetTcp(text)).toEqual([
    { inode: 4711, local: '127.0.0.1:8080', remote: '10.0.0.2:49153', state: 'ESTABLISHED' },
    { inode: 12, local: '[fd96:0:0:0:0:0:0:1]:80', remote: '[0:0:0:0:0:0:0:0]:0', state: 'LISTEN' },
    { inode: 13, local: '127.0.0.1:8080', remote: '127.0.0.1:49154', state: 'CLOSE_WAIT' },
  ]);
});

it('leaves out sockets that no process holds', () => {
  const text = `${HEAD}   0: 0100007F:1F90 0100007F:C001 06 00000000:00000000 03:00000F12 00000000     0        0 0 3 0\n`;
  expect(parseProcNetTcp(text)).toEqual([]);
});

it('finds a listener of this process in the kernel’s own table', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const rows = parseProcNetTcp(readFileSync('/proc/self/net/tcp', 'utf8'));
  expect(rows.filter(({ local }) => local === `127.0.0.1:${port}`)).toMatchObject([{ state: 'LISTEN' }]);
  await new Promise((resolve) => server.close(resolve));
});

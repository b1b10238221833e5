/**
 * What Envoy's TCP proxy by itself, without anything of shunt, does with bytes that it has not sent yet when both streams of a
 * connection end. The load of chaos.test.ts passes through it and must not ask more of it: native/chaos, --client-ends-last.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { TestEnvoy, until } from '../../filters/support/envoy.ts';
import { cluster, tcpListener } from '../../filters/support/envoy-config.ts';

/** More than the kernel takes for a reader that reads nothing, less than Envoy takes: 1 MiB. */
const BYTES = 512 * 1024;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const TIMEOUT_MS = 10_000;

function proxyTo(port: number): Promise<TestEnvoy> {
  const little = { level: SOL_SOCKET, name: SO_SNDBUF, int_value: 4096 };
  return TestEnvoy.start(() => ({
    listeners: [tcpListener('server')],
    clusters: [{ ...cluster('server', port), upstream_bind_config: { socket_options: [little] } }],
  }));
}

/** How many of the client's bytes the server reads that ends its own stream before, or after, the client has ended its. */
async function received(firstToEnd: 'client' | 'server'): Promise<number> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await using envoy = await proxyTo((server.address() as AddressInfo).port);
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect({ port: await envoy.port('tcp'), host: '127.0.0.1', allowHalfOpen: true }).resume();
    const [end] = await accepted;
    const clientHeard = once(client, 'end');
    if (firstToEnd === 'server') {
      end.end();
      await clientHeard;
    }
    client.end(Buffer.alloc(BYTES));
    const arrived = async (): Promise<boolean> => (await envoy.stat('tcp.tcp.downstream_cx_rx_bytes_total')) === BYTES;
    await until(arrived, TIMEOUT_MS, 'Envoy has not read all');
    if (firstToEnd === 'client') {
      end.end();
      await clientHeard;
    }
    let bytes = 0;
    end.on('data', (part: Buffer) => {
      bytes += part.length;
    });
    await once(end.resume(), 'end');
    return bytes;
  } finally {
    server.close();
  }
}

test('it sends them when the server ended first', async () => {
  expect(await received('server')).toBe(BYTES);
});

test('it throws them away when the client ended first: should this fail, Envoy was mended, and the chaos load may do so too', async () => {
  expect(await received('client')).toBeLessThan(BYTES);
});

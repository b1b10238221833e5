/** Redirected bytes are charged to the reader's receive buffer: what is then sent by TCP must still find room in it. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allNeed, needs } from '../../support/capabilities.ts';
import { TcpMemory, tcpPagesHeld } from '../../support/tcp-memory.ts';
import { buildWith } from '../doctor/build.ts';
import type { Peer } from './peer.ts';
import { IPS, Sandbox, type Side } from './sandbox.ts';

allNeed('fast path');

const KIB = 1024;
const PAGE_BYTES = 4096;
const MESSAGE = 16 * KIB;
/** So much is redirected to a reader of GROWN even where the kernel wants room beside all that TCP may send. */
const SMALL_MESSAGE = 4 * KIB;
const CREDIT = 1024 * KIB;
const BUFFER = 128 * KIB;
const GROWN = 512 * KIB;
const BULK = 400 * KIB;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;

function inNamespace(sandbox: Sandbox, side: Side, ...command: readonly string[]): string {
  return execFileSync('nsenter', [`--net=${sandbox.netns(side)}`, ...command], { encoding: 'utf8' });
}

/** Segments that a namespace dropped, since it was made, because a receive buffer was full. */
function segmentsDropped(sandbox: Sandbox, side: Side): number {
  const [names = [], values = []] = inNamespace(sandbox, side, 'cat', '/proc/net/netstat')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([group]) => group === 'TcpExt:');
  const counters = ['RcvPruned', 'TCPRcvQDrop'].map((name) => values[names.indexOf(name)]);
  return counters.reduce((sum, value) => sum + Number(value), 0);
}

describe('what goes by TCP to a reader that stopped is not dropped when its buffer is bounded', () => {
  const GROWS = `net.ipv4.tcp_rmem=4096 ${BUFFER / 2} ${BUFFER}`;

  // [bounded by, SO_RCVBUF, sysctl, built for kernels that drop what the buffer as it is has no room for, redirected at least]
  test.each([
    ['by SO_RCVBUF', BUFFER / 2, '', false, BUFFER / 4],
    ['by its namespace', 0, GROWS, false, 0],
    ['by its namespace, before it has grown', 0, GROWS, true, 0],
  ] as const)('%s', async (_, option, sysctl, strict, least) => {
    using build = strict ? buildWith('SHUNT_TEST_STRICT_BUFFER') : undefined;
    const object = build && { object: join(build.objects, 'fastpath.bpf.o') };
    await using sandbox = new Sandbox({ ...object, settings: { maxQueuedBytes: CREDIT } });
    if (sysctl !== '') inNamespace(sandbox, 'b', 'sysctl', '-qw', sysctl);
    const { client, server } = await sandbox.pair({
      sides: ['a', 'b'],
      ip: IPS.b,
      prepare: async (_, reader) => option > 0 && (await reader.do('option', SOL_SOCKET, SO_RCVBUF, option)),
    });
    const redirected = sandbox.fastPath.bytes('REDIRECTED');
    let sent = 0;
    for (let written = 1; written > 0; sent += written) written = (await client.do('write', MESSAGE)).bytes;
    expect((await server.do('read', sent, 10_000)).bytes).toBe(sent);
    expect(segmentsDropped(sandbox, 'b')).toBe(0);
    // It was redirected to while there was room, by TCP afterwards, and is redirected to again.
    expect(sandbox.fastPath.bytes('REDIRECTED') - redirected).toBeLessThanOrEqual(strict ? BUFFER / 4 : BUFFER / 2);
    expect(sandbox.fastPath.bytes('REDIRECTED') - redirected).toBeGreaterThan(least);
    expect(sandbox.fastPath.messages('CREDIT')).toBe(1);
    const before = sandbox.fastPath.messages('REDIRECTED');
    await sandbox.rounds(client, server, 20);
    expect(sandbox.fastPath.messages('REDIRECTED') - before).toBeGreaterThanOrEqual(38);
  });
});

const grown = (side: Side, ip: string) => async (): Promise<void> => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
  sandbox.steer();
  const prepare = (_: unknown, reader: Peer) => reader.do('option', SOL_SOCKET, SO_RCVBUF, GROWN / 2);
  const { client, server } = await sandbox.pair({ sides: ['a', side], ip, prepare });
  // By TCP alone: its receiver learns that segments are large, and promises more.
  sandbox.fastPath.change({ paused: 1 });
  for (let i = 0; i < 3; i += 1) {
    await Promise.all([server.do('read', BULK, 10_000), client.do('write-all', BULK, 10_000)]);
  }
  sandbox.fastPath.change({ paused: 0 });
  await sandbox.rounds(client, server, 5);
  const redirected = sandbox.fastPath.bytes('REDIRECTED');
  let sent = (await client.do('write', SMALL_MESSAGE)).bytes;
  for (let written = 1; written > 0; sent += written) written = (await client.do('write', MESSAGE)).bytes;
  expect((await server.do('read', sent, 10_000)).bytes).toBe(sent);
  expect(segmentsDropped(sandbox, side)).toBe(0);
  expect(sandbox.fastPath.bytes('REDIRECTED') - redirected).toBeGreaterThan(0);
};
test('nor when the window has grown to most of the buffer, over a veth', grown('b', IPS.b));
// Segments of 64 KiB.
test('nor over lo', needs('window that is kept'), grown('a', '127.0.0.1'));

test('nor when the kernel falls short of memory, and lets no buffer grow, while the reader is stopped', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
  const { client, server } = await sandbox.pair({ sides: ['a', 'b'], ip: IPS.b });
  const hoarders = [await sandbox.pair(), await sandbox.pair(), await sandbox.pair()];
  const fill = async (sender: Peer): Promise<number> => {
    let sent = 0;
    for (let written = 1; written > 0; sent += written) written = (await sender.do('write', MESSAGE)).bytes;
    return sent;
  };
  // By TCP: so much that what is redirected afterwards does not count beside it.
  sandbox.fastPath.change({ paused: 1 });
  const hoarded = await Promise.all(hoarders.map((hoarder) => fill(hoarder.client)));
  const held = tcpPagesHeld();
  expect(held).toBeGreaterThan(4 * (CREDIT / PAGE_BYTES));
  sandbox.fastPath.change({ paused: 0 });
  const redirected = sandbox.fastPath.bytes('REDIRECTED');
  let sent: number;
  {
    await using memory = await TcpMemory.take();
    // Not short of memory yet, and not far from it.
    memory.shorten(Math.ceil(1.5 * held));
    sent = 0;
    while (sandbox.fastPath.messages('CREDIT') === 0) sent += (await client.do('write', MESSAGE)).bytes;
    memory.shorten(1);
    sent += await fill(client);
    await server.do('read', sent, 10_000);
  }
  expect(segmentsDropped(sandbox, 'b')).toBe(0);
  expect(sandbox.fastPath.bytes('REDIRECTED') - redirected).toBeGreaterThan(0);
  for (const [index, hoarder] of hoarders.entries()) await hoarder.server.do('read', hoarded[index] ?? 0, 10_000);
});

/** Bytes, order, ends and bounds of promoted connections; peers check every byte that they read. */
import { describe, expect, test, vi } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed, needs } from '../../support/capabilities.ts';
import { TcpMemory, tcpPagesHeld } from '../../support/tcp-memory.ts';
import type { Answer, Peer } from './peer.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

const MIB = 1 << 20;
const PAGE_BYTES = 4096;
const CREDIT = 128 * 1024;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** A reader whose buffer has room for the credit from the start: some kernels let none grow for what is redirected. */
const roomy = (_: Peer, reader: Peer): Promise<Answer> => reader.do('option', SOL_SOCKET, SO_RCVBUFFORCE, MIB);

/** Links by what one end sends alone: each segment has the other end looked at, and its acknowledgement this one. Returns the bytes. */
async function linkByWrites(sandbox: Sandbox, from: Peer): Promise<number> {
  let bytes = 0;
  await vi.waitFor(
    async () => {
      await from.do('write', 1);
      bytes += 1;
      sandbox.fastPath.enter();
      expect(sandbox.fastPath.count('LINKED')).toBe(1);
    },
    { timeout: 10_000 },
  );
  return bytes;
}

test('sends one more message by TCP after linking when the reader had read all before, then redirects', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair({ waits: ['none', 'level'] });
  expect(sandbox.fastPath.count('LINKED')).toBe(0);
  await client.do('wait', 'level');
  await client.do('read', await linkByWrites(sandbox, server), 5000);
  // The client reads after linking: nothing more of the kind is needed towards it.
  await server.do('write', 100);
  await client.do('read', 100, 5000);
  const [handovers, redirects] = [sandbox.fastPath.messages('HANDOVER'), sandbox.fastPath.messages('REDIRECTED')];
  for (let sent = 0; sent < 3; sent++) {
    await client.do('write', 100);
    await server.do('read', 100, 5000);
    expect(sandbox.fastPath.messages('HANDOVER') - handovers).toBe(1);
    expect(sandbox.fastPath.messages('REDIRECTED') - redirects).toBe(sent);
  }
  await server.do('write', 100);
  await client.do('read', 100, 5000);
  expect(sandbox.fastPath.messages('HANDOVER') - handovers).toBe(1);
});

test('pauses at once, loses nothing, and resumes', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  const rounds = sandbox.rounds(client, server, 20_000);
  await vi.waitFor(() => expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(500), { interval: 1 });
  sandbox.fastPath.change({ paused: 1 });
  const paused = sandbox.fastPath.messages('REDIRECTED');
  await vi.waitFor(() => expect(sandbox.fastPath.messages('PAUSED')).toBeGreaterThan(500), { interval: 1 });
  // One verdict on each processor may have read the setting before it changed.
  expect(sandbox.fastPath.messages('REDIRECTED') - paused).toBeLessThanOrEqual(2);
  const stopped = sandbox.fastPath.messages('REDIRECTED');
  sandbox.fastPath.change({ paused: 0 });
  await rounds;
  expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(stopped);
});

test('promotes nothing while it is paused', async () => {
  await using sandbox = new Sandbox({ settings: { paused: 1 } });
  await sandbox.pair();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
});

test('queues no more than the credit for a reader that stopped, and goes on when it reads', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
  const { client, server } = await sandbox.pair({ prepare: roomy });
  const before = sandbox.fastPath.bytes('REDIRECTED');
  let sent = 0;
  for (let written = 1; written > 0; sent += written) written = (await client.do('write', 4096)).bytes;
  expect(sandbox.fastPath.bytes('REDIRECTED') - before).toBeLessThanOrEqual(CREDIT);
  expect(sandbox.fastPath.bytes('REDIRECTED') - before).toBeGreaterThan(CREDIT - 2 * 4096);
  expect(sandbox.fastPath.messages('CREDIT')).toBeGreaterThan(0);
  expect((await server.do('read', sent, 10_000)).bytes).toBe(sent);
  const stopped = sandbox.fastPath.messages('REDIRECTED');
  await sandbox.rounds(client, server, 20);
  expect(sandbox.fastPath.messages('REDIRECTED') - stopped).toBeGreaterThanOrEqual(38);
});

describe('messages of a byte, of which each costs the kernel a KiB that it charges to nobody', () => {
  const FREE_MESSAGES = 65;
  const SMALL_PAUSE_MESSAGES = 256;

  test('are queued for a reader that stopped up to a number, and redirected again some messages after it has read', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    const before = sandbox.fastPath.messages('REDIRECTED');
    for (let sent = 0; sent < 200; sent++) await client.do('write', 1);
    expect(sandbox.fastPath.messages('REDIRECTED') - before).toBe(FREE_MESSAGES);
    expect(sandbox.fastPath.messages('CREDIT')).toBe(1);
    await server.do('read', 200, 10_000);
    await sandbox.rounds(client, server, SMALL_PAUSE_MESSAGES);
    const stopped = sandbox.fastPath.messages('REDIRECTED');
    await sandbox.rounds(client, server, 20);
    expect(sandbox.fastPath.messages('REDIRECTED') - stopped).toBe(40);
  });

  test('count while they are unread, not since the queue was empty', needs('length of a queue'), async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    for (let round = 0; round < 20; round++) {
      for (let sent = 0; sent < 20; sent++) await client.do('write', 1);
      await server.do('read', round === 0 ? 10 : 20, 10_000);
    }
    expect(sandbox.fastPath.messages('CREDIT')).toBe(0);
    await server.do('read', 10, 10_000);
  });
});

test('lets a message that is larger than the credit into an empty queue only', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: 1000 } });
  const { client, server } = await sandbox.pair();
  const before = sandbox.fastPath.messages('REDIRECTED');
  await client.do('write', 5000);
  await client.do('write', 1);
  expect(sandbox.fastPath.messages('REDIRECTED') - before).toBe(1);
  expect(sandbox.fastPath.messages('CREDIT')).toBe(1);
  await server.do('read', 5001, 5000);
});

test(
  'measures the credit by what the reader has not read, not by what was sent since its queue was empty',
  needs('length of a queue'),
  async () => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
    const { client, server } = await sandbox.pair({ prepare: roomy });
    const before = sandbox.fastPath.bytes('REDIRECTED');
    await client.do('write', 10_000);
    for (let round = 0; round < 20; round += 1) {
      await client.do('write', 60_000);
      await server.do('read', 60_000, 5000);
    }
    expect(sandbox.fastPath.messages('CREDIT')).toBe(0);
    expect(sandbox.fastPath.bytes('REDIRECTED') - before).toBe(20 * 60_000 + 10_000);
    await server.do('read', 10_000, 5000);
  },
);

describe('the send buffer', () => {
  const SET_BYTES = 2 * 128 * 1024;
  const sendBuffer = async (peer: Peer): Promise<number> => (await peer.do('send-buffer')).bytes;

  test('of a stream that was too much for its reader becomes small, and all arrives', async () => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
    const { client, server } = await sandbox.pair();
    expect(await sendBuffer(client)).toBeGreaterThan(SET_BYTES);
    const { bytes } = await client.do('write', CREDIT + 50_000);
    const more = await client.do('write', 4096);
    expect(sandbox.fastPath.messages('CREDIT')).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await sendBuffer(client)).toBe(SET_BYTES));
    await server.do('read', bytes + more.bytes, 5000);
    await Promise.all([server.do('read', 10 * MIB, 10_000), client.do('write-all', 10 * MIB, 10_000)]);
    await sandbox.rounds(client, server, 2);
  });

  test('of a stream that was linked while its reader was behind becomes small', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair({ waits: ['none', 'level'] });
    await client.do('wait', 'level');
    // The server has read nothing since, so that nothing may be redirected towards it.
    await linkByWrites(sandbox, server);
    const handovers = sandbox.fastPath.messages('HANDOVER');
    for (let sent = 0; sent < 40; sent += 1) await client.do('write', 1000);
    expect(sandbox.fastPath.messages('HANDOVER') - handovers).toBe(40);
    await vi.waitFor(async () => expect(await sendBuffer(client)).toBe(SET_BYTES));
    await server.do('read', 40_000, 5000);
  });

  test('that the program set stays', async () => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
    const { client, server } = await sandbox.pair({ prepare: (client) => client.do('option', 1, 7, 200_000) });
    let sent = 0;
    for (let written = 1; written > 0; sent += written) written = (await client.do('write', 50_000)).bytes;
    expect(sandbox.fastPath.messages('CREDIT')).toBeGreaterThan(0);
    await server.do('read', sent, 10_000);
    await sandbox.rounds(client, server, 2);
    expect(await sendBuffer(client)).toBe(400_000);
  });

  test('of who asks and answers stays', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair({ warmUpRounds: 0 });
    const before = await sendBuffer(client);
    await sandbox.rounds(client, server, 500);
    expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(500);
    expect(await sendBuffer(client)).toBe(before);
  });
});

test('redirects nothing while the kernel is short of memory for TCP, and goes on afterwards', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  const hoarder = await sandbox.pair();
  {
    await using memory = await TcpMemory.take();
    memory.shorten(1);
    // Unread bytes hold memory, more than the kernel's reserve for each processor, and so the shortage lasts.
    let held = 0;
    for (let written = 1; written > 0; held += written) written = (await hoarder.client.do('write', MIB)).bytes;
    const redirected = sandbox.fastPath.messages('REDIRECTED');
    const refused = sandbox.fastPath.messages('CREDIT');
    await sandbox.rounds(client, server, 20);
    expect(sandbox.fastPath.messages('REDIRECTED')).toBe(redirected);
    expect(sandbox.fastPath.messages('CREDIT') - refused).toBeGreaterThanOrEqual(40);
    memory.restore();
    await hoarder.server.do('read', held, 10_000);
  }
  await vi.waitFor(async () => {
    const redirected = sandbox.fastPath.messages('REDIRECTED');
    await sandbox.rounds(client, server, 20);
    expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(redirected);
  });
});

test('all queues together hold no more than the kernel wants to have for TCP, and nobody’s send fails', async () => {
  const pairs = 8;
  const messageBytes = 60_000;
  const room = 4 * MIB;
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: MIB } });
  // Else each queue is bounded by its reader's buffer, which is not counted on to grow when memory is short.
  const prepare = (_: Peer, server: Peer) => server.do('option', SOL_SOCKET, SO_RCVBUFFORCE, 4 * MIB);
  const all = await Promise.all(Array.from({ length: pairs }, () => sandbox.pair({ prepare })));
  const before = sandbox.fastPath.bytes('REDIRECTED');
  let written: Answer[];
  {
    await using memory = await TcpMemory.take();
    memory.shorten(tcpPagesHeld() + room / PAGE_BYTES);
    written = await Promise.all(all.map(({ client }) => client.try('write-all', 20 * messageBytes, 500)));
    const queued = sandbox.fastPath.bytes('REDIRECTED') - before;
    expect(queued).toBeGreaterThan(room / 2);
    // Each sender may have found room for one more at the same moment.
    expect(queued).toBeLessThan(room + pairs * messageBytes);
    for (const { error } of written) expect(['', 'ETIMEDOUT']).toContain(error);
  }
  for (const [index, { server }] of all.entries()) await server.do('read', written[index]?.bytes ?? 0, 20_000);
});

test('redirects nothing without credit', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: 0 } });
  const { client, server } = await sandbox.pair();
  await sandbox.rounds(client, server, 20);
  expect(sandbox.fastPath.count('LINKED')).toBe(1);
  expect(sandbox.fastPath.messages('REDIRECTED')).toBe(0);
});

test.each(['level', 'edge', 'edge-short', 'poll'] as const)(
  'delivers uploads to a reader that waits by %s',
  async (how) => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
    const { client, server } = await sandbox.pair({ waits: ['level', how], warmUpRounds: 50 });
    for (const bytes of [1, 4095, 4096, 4097, 100_000, 10 * MIB]) {
      const [read] = await Promise.all([server.do('read', bytes, 10_000), client.do('write-all', bytes, 10_000)]);
      expect(read.bytes).toBe(bytes);
      // The answer shows that nothing is left over and that the reader still hears of what comes.
      await sandbox.rounds(client, server, 2);
    }
  },
);

describe('a reader that is woken by edges and stops at a short read', () => {
  const TO_PEER = 100;
  const OVER_CREDIT = 3000;
  const sendBoth = async (client: Peer, server: Peer): Promise<Answer> => {
    await client.do('write', TO_PEER);
    await client.do('write', OVER_CREDIT);
    return await server.try('read', TO_PEER + OVER_CREDIT, 500);
  };

  test('never stalls', async () => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: 1000 } });
    const { client, server } = await sandbox.pair({ waits: ['level', 'edge-short'] });
    for (let i = 0; i < 50; i++) {
      expect(await sendBoth(client, server)).toMatchObject({ bytes: TO_PEER + OVER_CREDIT, error: '' });
    }
  });

  test('stalls when its cgroup is said to be greedy: bytes in two queues are the reason for all this', async () => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: 1000 }, server: Reader.GREEDY });
    const { client, server } = await sandbox.pair({ waits: ['level', 'edge-short'] });
    expect(await sendBoth(client, server)).toMatchObject({ bytes: TO_PEER, error: 'ETIMEDOUT' });
  });
});

describe('tells the reader of', () => {
  test('a half-close after all bytes, and delivers the answer', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    await client.do('write', 1000);
    await client.do('shutdown');
    expect(await server.do('read', 2000, 5000)).toMatchObject({ bytes: 1000, end: true });
    await server.do('write', 500);
    await server.do('close');
    expect(await client.do('read', 1000, 5000)).toMatchObject({ bytes: 500, end: true });
  });

  test('a close after bytes that were not read yet', async () => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
    const { client, server } = await sandbox.pair({ prepare: roomy });
    const before = sandbox.fastPath.bytes('REDIRECTED');
    const { bytes } = await client.do('write', CREDIT + 50_000);
    await client.do('write', 10);
    expect(sandbox.fastPath.bytes('REDIRECTED')).toBeGreaterThan(before);
    await client.do('close');
    expect(await server.do('read', MIB, 5000)).toMatchObject({ bytes: bytes + 10, end: true });
  });

  test('a reset after the bytes that came before it', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    await client.do('write', 1000);
    await client.do('reset');
    expect(await server.try('read', 2000, 5000)).toMatchObject({ bytes: 1000, wrong: 0, error: 'ECONNRESET' });
    expect(await server.try('write', 1)).toMatchObject({ error: 'EPIPE' });
  });
});

test('tells a writer whose peer is gone', async () => {
  await using sandbox = new Sandbox();
  const { client, server } = await sandbox.pair();
  await server.do('close');
  await client.do('write', 100);
  await vi.waitFor(async () => expect((await client.try('write', 1)).error).toBe('EPIPE'));
});

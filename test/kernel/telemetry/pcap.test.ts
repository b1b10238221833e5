import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cgroupId } from '../../../src/bpf/cgroup.ts';
import { Capture, type CaptureOptions } from '../../../src/telemetry/capture.ts';
import { allNeed } from '../../support/capabilities.ts';
import { PCAP_OBJECT } from '../../support/fastpath-fixture.ts';
import { patient } from '../../support/patience.ts';
import type { Peer } from '../fastpath/peer.ts';
import { IPS, IPV6, type PairOptions, Sandbox } from '../fastpath/sandbox.ts';

allNeed('fast path');

const MIB = 1024 * 1024;
const WARM_UP = 20 * 64;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shunt-pcap-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

/** Of native/peer's pattern, which repeats itself. */
const PERIOD = Buffer.from(Array.from({ length: 65521 }, (_, i) => Math.floor((i * 2654435761) / 2 ** 24) % 256));

/** What native/peer sends: bytes `from` to `from + count` of each direction. */
function pattern(from: number, count: number): Buffer {
  const at = from % PERIOD.length;
  return Buffer.alloc(at + count, PERIOD).subarray(at);
}

function start(sandbox: Sandbox, options: Partial<CaptureOptions> = {}): Capture {
  return new Capture({
    mapPinDir: sandbox.fastPath.pinDir,
    object: PCAP_OBJECT,
    cookies: [],
    cgroupIds: [cgroupId(sandbox.cgroup('client'))],
    snapBytes: 4096,
    maxFileBytes: 64 * MIB,
    ...options,
  });
}

async function fileOf(capture: Capture): Promise<string> {
  const content = buffer(capture.stream);
  capture.finish();
  const path = join(dir, 'capture.pcapng');
  writeFileSync(path, await content);
  return path;
}

interface Read {
  /** The fields of each packet. */
  readonly rows: string[][];
  /** What Wireshark makes of the first stream: what the end that connected sent, and what it was answered. */
  readonly sent: Buffer;
  readonly answered: Buffer;
}

/**
 * All that Wireshark says about a file, asked once: its start alone takes seconds in an emulated guest.
 * @param port of the end that listened; undefined: the stream is not put together.
 */
function read(path: string, port: number | undefined, ...fields: readonly string[]): Read {
  const columns = fields.flatMap((field) => ['-e', field]);
  const checksums = ['tcp', 'ip'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
  const follow = port === undefined ? [] : ['-z', 'follow,tcp,raw,0'];
  const text = execFileSync('tshark', ['-n', '-r', path, ...checksums, '-T', 'fields', ...columns, ...follow], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 512 * MIB,
  });
  const [packets = '', stream = ''] = text.split(/^=+\n(?=Follow: )/m);
  const lines = stream.split('\n');
  const isServerFirst = lines.some((line) => line.startsWith('Node 0:') && line.endsWith(`:${port}`));
  const data = lines.filter((line) => /^\t?[0-9a-f]+$/.test(line));
  const ofNode = (node: 0 | 1): Buffer => {
    const its = data.filter((line) => line.startsWith('\t') === (node === 1));
    return Buffer.from(its.join('').replaceAll('\t', ''), 'hex');
  };
  const rows = packets.split('\n').filter((line) => line !== '');
  return {
    rows: rows.map((line) => line.split('\t')),
    sent: ofNode(isServerFirst ? 1 : 0),
    answered: ofNode(isServerFirst ? 0 : 1),
  };
}

async function upload(client: Peer, server: Peer, bytes: number): Promise<void> {
  await Promise.all([server.do('read', bytes, 10_000), client.do('write-all', bytes, 10_000)]);
}

/** Without letting this process do anything else. */
function blockUntil(condition: () => boolean): void {
  const deadline = Date.now() + patient(10_000);
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not come true');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}

const PATHS: [string, PairOptions][] = [
  ['IPv4 over lo', {}],
  ['IPv4 over a veth', { sides: ['a', 'b'], ip: IPS.b }],
  ['IPv6 over a veth', { sides: ['a', 'b'], ip: IPV6.b }],
];

describe('a captured connection', () => {
  test.each(PATHS)('is one stream of the bytes that were sent, %s', async (_, options) => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair(options);
    using capture = start(sandbox);
    await sandbox.rounds(client, server, 10);
    for (const bytes of [1, 4095, 4096, 4097, 100_000]) await upload(client, server, bytes);
    await sandbox.rounds(client, server, 10);
    const path = await fileOf(capture);
    const asked = 10 * 64;
    const uploaded = 1 + 4095 + 4096 + 4097 + 100_000;
    const port = (await client.do('port-of', 'peer')).bytes;
    const fields = ['tcp.flags.str', 'tcp.analysis.flags', 'tcp.checksum.status', 'frame.interface_name'];
    const { rows, sent, answered } = read(path, port, ...fields);
    expect(sent.equals(pattern(WARM_UP, asked + uploaded + asked))).toBe(true);
    expect(answered.equals(pattern(WARM_UP, 2 * asked))).toBe(true);
    expect(capture.summary).toMatchObject({ lost: 0 });
    expect(rows.slice(0, 3).map(([flags]) => flags?.replaceAll('·', ''))).toEqual(['S', 'AS', 'A']);
    expect(rows.length).toBe(capture.summary.packets);
    for (const [, trouble, checksum] of rows) expect([trouble, checksum]).toEqual(['', '1']);
    expect(rows.some((row) => row[3] === 'redirected')).toBe(true);
  });

  test('shows messages of half a MiB, and those that went by TCP with the reason', async () => {
    await using sandbox = new Sandbox({ settings: { maxQueuedBytes: 100_000 } });
    // TCP takes all that it is given: what follows a message that it took a part of cannot be captured.
    const prepare = (peer: Peer): Promise<unknown> => peer.do('option', SOL_SOCKET, SO_SNDBUFFORCE, 16 * MIB);
    const { client, server } = await sandbox.pair({ prepare });
    using capture = start(sandbox);
    const before = sandbox.fastPath.bytes('REDIRECTED');
    await upload(client, server, 4 * MIB);
    // On one processor the reader may have kept up with all of it.
    sandbox.fastPath.change({ paused: 1 });
    await sandbox.rounds(client, server, 5);
    sandbox.fastPath.change({ paused: 0 });
    await sandbox.rounds(client, server, 5);
    const path = await fileOf(capture);
    const port = (await client.do('port-of', 'peer')).bytes;
    const { rows, sent } = read(path, port, 'frame.interface_name', 'frame.comment', 'tcp.len');
    expect(sent.equals(pattern(WARM_UP, 4 * MIB + 640))).toBe(true);
    const byTcp = rows.filter(([name]) => name === 'tcp');
    expect(byTcp.length).toBeGreaterThan(0);
    for (const [, comment] of byTcp) expect(comment).toMatch(/^by TCP: /);
    const ofRedirected = rows.filter(([name]) => name === 'redirected').map((row) => Number(row[2]));
    expect(ofRedirected.reduce((a, b) => a + b, 0)).toBe(sandbox.fastPath.bytes('REDIRECTED') - before);
  });

  test('shows what the ring had no room for as a gap, and counts it', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    using capture = start(sandbox);
    // Both ends are processes of their own, and this one, which empties the ring of 8 MiB, sleeps.
    const sending = upload(client, server, 24 * MIB);
    blockUntil(() => sandbox.fastPath.bytes('HANDOVER') + sandbox.fastPath.bytes('REDIRECTED') > 20 * MIB);
    await sending;
    await sandbox.rounds(client, server, 10);
    const path = await fileOf(capture);
    expect(capture.summary.lost).toBeGreaterThan(0);
    const { rows } = read(path, undefined, 'tcp.analysis.lost_segment');
    expect(rows.some(([lost]) => lost === '1')).toBe(true);
  });

  test('is cut to the length that was asked for', async () => {
    await using sandbox = new Sandbox();
    const { client, server } = await sandbox.pair();
    using capture = start(sandbox, { snapBytes: 10 });
    await upload(client, server, 1000);
    const path = await fileOf(capture);
    const lengths = read(path, undefined, 'tcp.len', 'frame.cap_len').rows.filter(([length]) => length !== '0');
    expect(lengths).toEqual([['1000', '50']]);
  });
});

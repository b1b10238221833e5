import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { jiffyMs } from '../../../src/bpf/jiffy.ts';
import { allNeed } from '../../support/capabilities.ts';
import { patient } from '../../support/patience.ts';
import type { Peer } from '../fastpath/peer.ts';
import { IPS, Sandbox } from '../fastpath/sandbox.ts';

allNeed('fast path', 'conntrack');

/** After this the firewall forgets a connection of which it sees no packet. */
const FORGETS_S = Math.min(5, Math.ceil(patient(1000) / 1000));
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SOL_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;
const TCP_USER_TIMEOUT = 18;

/** As many have it: what belongs to no connection that began with a SYN goes no further. */
const FIREWALL = `
  table inet firewall {
    chain input {
      type filter hook input priority 0;
      iif lo accept
      ct state invalid counter drop
      ct state new tcp flags & (syn | ack) != syn counter drop
    }
  }`;

let sandbox: Sandbox;
let client: Peer;
let server: Peer;

function inServersNamespace(command: readonly string[], input = ''): string {
  return execFileSync('nsenter', [`--net=${sandbox.netns('b')}`, ...command], { encoding: 'utf8', input });
}

/** Is the connection known to the firewall of the server's namespace? */
async function isTracked(): Promise<boolean> {
  const command = [`--net=${sandbox.netns('b')}`, 'cat', '/proc/net/nf_conntrack'];
  const { stdout } = await promisify(execFile)('nsenter', command);
  return stdout.includes(' ESTABLISHED ');
}

/** Redirected messages both ways, until the time is up. */
async function talk(seconds: number): Promise<void> {
  const endMs = performance.now() + seconds * 1000;
  while (performance.now() < endMs) await sandbox.rounds(client, server, 100);
}

/** Over a veth, with a firewall in the server's namespace. */
async function connectThroughFirewall(refreshJiffies: number): Promise<Sandbox> {
  sandbox = new Sandbox({ settings: { refreshJiffies } });
  inServersNamespace(['nft', '-f', '-'], FIREWALL);
  const file = '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established';
  inServersNamespace(['sh', '-c', `echo ${FORGETS_S} > ${file}`]);
  ({ client, server } = await sandbox.pair({ sides: ['a', 'b'], ip: IPS.b }));
  expect(await isTracked()).toBe(true);
  return sandbox;
}

describe('a firewall that tracks connections', () => {
  test('forgets one of which it sees no packet, and drops what comes by TCP afterwards', async () => {
    await using _ = await connectThroughFirewall(0);
    await talk(FORGETS_S + 0.5);
    expect(await isTracked()).toBe(false);
    sandbox.fastPath.change({ paused: 1 });
    await client.do('write', 100);
    expect(await server.try('read', 100, 500)).toMatchObject({ bytes: 0, error: 'ETIMEDOUT' });
  });

  test('remembers one of which a message goes by TCP now and then, so that its end arrives', async () => {
    const refreshMs = FORGETS_S * 250;
    const beganMs = performance.now();
    await using _ = await connectThroughFirewall(Math.round(refreshMs / jiffyMs()));
    for (let i = 0; i < 6; i++) {
      // While they talk: to start a program may take a guest longer than the firewall remembers.
      const [tracked] = await Promise.all([isTracked(), talk(FORGETS_S / 2)]);
      expect(tracked).toBe(true);
    }
    const { fastPath } = sandbox;
    // Each direction, at most one a period; then the reader takes it before redirects go on.
    expect(fastPath.messages('REFRESH')).toBeGreaterThanOrEqual(2 * 6);
    expect(fastPath.messages('REFRESH')).toBeLessThanOrEqual(2 * Math.ceil((performance.now() - beganMs) / refreshMs));
    expect(fastPath.messages('REDIRECTED')).toBeGreaterThan(100 * fastPath.messages('REFRESH'));
    fastPath.change({ paused: 1 });
    await sandbox.rounds(client, server, 1);
    await client.do('shutdown');
    expect(await server.do('read', 1, 2000)).toMatchObject({ bytes: 0, end: true });
  });
});

test('keepalive and TCP_USER_TIMEOUT end no connection whose bytes are redirected', async () => {
  const withTimeouts = async (peer: Peer): Promise<void> => {
    await peer.do('option', SOL_SOCKET, SO_KEEPALIVE, 1);
    await peer.do('option', SOL_TCP, TCP_KEEPIDLE, 1);
    await peer.do('option', SOL_TCP, TCP_KEEPINTVL, 1);
    await peer.do('option', SOL_TCP, TCP_KEEPCNT, 1);
    await peer.do('option', SOL_TCP, TCP_USER_TIMEOUT, patient(500));
  };
  await using own = new Sandbox();
  sandbox = own;
  const prepare = async (...peers: Peer[]): Promise<unknown> => await Promise.all(peers.map(withTimeouts));
  ({ client, server } = await sandbox.pair({ sides: ['a', 'b'], ip: IPS.b, prepare }));
  // Time for probes, and for what was redirected not to be read for longer than either allows.
  await talk(2.5);
  await client.do('write', 1000);
  await new Promise((next) => setTimeout(next, patient(2500)));
  expect(await server.do('read', 1000, 1000)).toMatchObject({ bytes: 1000 });
  sandbox.fastPath.change({ paused: 1 });
  await sandbox.rounds(client, server, 2);
});

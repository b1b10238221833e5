/** Promotion where tc may not enter a socket in the socket hash: it nominates, user space is woken and enters it. */
import { expect, test, vi } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import type { Peer } from './peer.ts';
import { Sandbox } from './sandbox.ts';

allNeed('promotion by iterator');

const WAITS = { promotion: 'iterator', promotesNominees: false } as const;

/** A connection whose ends are nominated. */
async function nominated(sandbox: Sandbox): Promise<{ client: Peer; server: Peer }> {
  const pair = await sandbox.pair({ warmUpRounds: 0 });
  await converse(pair, 10);
  return pair;
}

/** As `sandbox.rounds`, which promotes. */
async function converse({ client, server }: { client: Peer; server: Peer }, rounds: number): Promise<void> {
  await Promise.all([server.do('echo', rounds * 64, 10_000), client.do('ask', rounds, 64, 10_000)]);
}

test('promotes and links without being asked, while the two talk', async () => {
  await using sandbox = new Sandbox({ promotion: 'iterator' });
  const pair = await sandbox.pair({ warmUpRounds: 0 });
  await vi.waitFor(
    async () => {
      await converse(pair, 10);
      expect(sandbox.fastPath.count('LINKED')).toBe(1);
    },
    { timeout: 10_000 },
  );
  const before = sandbox.fastPath.messages('REDIRECTED');
  await converse(pair, 20);
  expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(before + 30);
});

test('speaks TCP while nobody enters what was nominated, and is promoted when somebody does', async () => {
  await using sandbox = new Sandbox(WAITS);
  const pair = await nominated(sandbox);
  await converse(pair, 200);
  expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
  sandbox.fastPath.enter();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(2);
  await converse(pair, 20);
  expect(sandbox.fastPath.count('LINKED')).toBe(1);
  expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(30);
});

test('does not enter a socket twice', async () => {
  await using sandbox = new Sandbox(WAITS);
  const pair = await nominated(sandbox);
  sandbox.fastPath.enter();
  await converse(pair, 20);
  sandbox.fastPath.enter();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(2);
  expect(sandbox.fastPath.count('REFUSED_FULL')).toBe(0);
});

test('refuses a socket that was nominated and then set an option that a promoted one would break', async () => {
  await using sandbox = new Sandbox(WAITS);
  const pair = await nominated(sandbox);
  const [SOL_SOCKET, SO_OOBINLINE] = [1, 10];
  await pair.server.do('option', SOL_SOCKET, SO_OOBINLINE, 1);
  sandbox.fastPath.enter();
  await converse(pair, 20);
  sandbox.fastPath.enter();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(1);
  expect(sandbox.fastPath.count('REFUSED_OPTION')).toBe(1);
});

test('does not enter a socket that began to block, until it no longer does', async () => {
  await using sandbox = new Sandbox(WAITS);
  const pair = await nominated(sandbox);
  await pair.server.do('nonblocking', 0);
  sandbox.fastPath.enter();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(1);
  await pair.server.do('nonblocking', 1);
  await vi.waitFor(
    async () => {
      await converse(pair, 20);
      sandbox.fastPath.enter();
      expect(sandbox.fastPath.count('PROMOTED')).toBe(2);
    },
    { timeout: 10_000 },
  );
});

test('promotes nobody who was nominated before a pause, until it is over', async () => {
  await using sandbox = new Sandbox(WAITS);
  const pair = await nominated(sandbox);
  sandbox.fastPath.change({ paused: 1 });
  sandbox.fastPath.enter();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
  sandbox.fastPath.change({ paused: 0 });
  await converse(pair, 20);
  sandbox.fastPath.enter();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(2);
});

test('forgets a nominated socket that is closed', async () => {
  await using sandbox = new Sandbox(WAITS);
  const { client, server } = await nominated(sandbox);
  for (const peer of [client, server]) await peer.do('close');
  sandbox.fastPath.enter();
  expect(sandbox.fastPath.count('PROMOTED')).toBe(0);
  expect(sandbox.fastPath.flows()).toEqual([]);
});

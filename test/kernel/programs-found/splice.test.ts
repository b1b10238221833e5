/**
 * Found with HAProxy: it receives with recv(2) first, is promoted, and splices from then on. splice(2) does not see what
 * was redirected: the connection hangs, or its bytes change places.
 */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import { NATIVE } from '../fastpath/peer.ts';
import { Sandbox } from '../fastpath/sandbox.ts';

allNeed('fast path');

/** As much as every kernel redirects to a reader whose buffer has not grown. */
const MESSAGE_BYTES = 30_000;

/** Why all this is needed; a kernel that cures it is to be noticed. */
test('splice(2) takes later bytes that came by TCP before earlier ones that were redirected', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: MESSAGE_BYTES } });
  const { client, server } = await sandbox.pair();
  await client.do('write', MESSAGE_BYTES);
  await client.do('write', MESSAGE_BYTES);
  expect(sandbox.fastPath.messages('CREDIT')).toBe(1);
  expect(await server.try('splice', 1000)).toMatchObject({ bytes: 1000, error: '' });
  const rest = await server.try('read', 2 * MESSAGE_BYTES - 1000, 5000);
  expect(rest.wrong).toBeGreaterThanOrEqual(MESSAGE_BYTES);
});

test('a reader that begins to splice when it is promoted is told to read, and gets every byte in order', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: MESSAGE_BYTES } });
  const { client, server } = await sandbox.pair({ serverThrough: [join(NATIVE, 'refuse-splice')] });
  await client.do('write', MESSAGE_BYTES);
  await client.do('write', MESSAGE_BYTES);
  expect(sandbox.fastPath.messages('CREDIT')).toBe(1);
  expect(await server.try('splice', 1000)).toMatchObject({ bytes: 0, error: 'EINVAL' });
  await server.do('read', 2 * MESSAGE_BYTES, 5000);
});

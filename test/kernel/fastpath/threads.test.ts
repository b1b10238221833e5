/** Threads that write to one socket at once: the kernel lets the socket's lock go before a redirected message is queued. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import { patient } from '../../support/patience.ts';
import { NATIVE } from './peer.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

/** Fewer where every instruction is emulated. Without the rule about one in three million is overtaken: a run finds it now and then. */
const MESSAGES = Number(process.env.SHUNT_THREADS_MESSAGES || 1_000_000);
const MESSAGE_BYTES = 16;
const THREADS = 4;

test('keeps the order of each of several threads that write to one socket without a lock', async () => {
  // Credit for one message: as many changes between the two ways as can be.
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: MESSAGE_BYTES } });
  sandbox.steer();
  const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
  const command = [`${NATIVE}/threads`, '--messages', `${MESSAGES}`, '--threads', `${THREADS}`];
  const { stdout } = await promisify(execFile)(
    'nsenter',
    [`--net=${sandbox.netns('a')}`, 'sh', '-c', enter, sandbox.cgroup('client'), ...command],
    { timeout: patient(60_000) },
  );
  expect(JSON.parse(stdout)).toEqual({ messages: MESSAGES, overtaken: 0 });
  // That both ways were gone.
  const outcomes = JSON.stringify(sandbox.fastPath.outcomes());
  expect(sandbox.fastPath.messages('REDIRECTED'), outcomes).toBeGreaterThan(MESSAGES / 10_000);
  expect(sandbox.fastPath.messages('CREDIT'), outcomes).toBeGreaterThan(MESSAGES / 10_000);
  expect(sandbox.fastPath.messages('HANDOVER'), outcomes).toBeGreaterThan(MESSAGES / 10_000);
});

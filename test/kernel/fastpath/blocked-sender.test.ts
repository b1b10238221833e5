/** A sender whose socket a thread sleeps in: its call holds on to the psock as a redirect under way does. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test, vi } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import { Sandbox } from './sandbox.ts';

allNeed('fast path');

const PROGRAM = join(import.meta.dirname, 'programs/blocked_sender.py');
const CREDIT = 64 * 1024;
/** Far more than credit and TCP's buffers together. */
const LIMIT = 64 << 20;

function start(sandbox: Sandbox): ChildProcessWithoutNullStreams {
  const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
  const words = ['sh', '-c', enter, sandbox.cgroup('client'), 'python3', PROGRAM, `${LIMIT}`];
  return spawn('nsenter', [`--net=${sandbox.netns('a')}`, ...words]);
}

test('several threads that write to a socket that another sleeps in end at the credit, and by TCP when paused', async () => {
  await using sandbox = new Sandbox({ settings: { maxQueuedBytes: CREDIT } });
  const child = start(sandbox);
  const closed = once(child, 'close');
  await using ending = new AsyncDisposableStack();
  ending.defer(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const said = async (): Promise<number> => Number((await lines.next()).value);
  await vi.waitFor(() => expect(sandbox.fastPath.count('LINKED')).toBe(1), { timeout: 10_000 });
  const before = sandbox.fastPath.bytes('REDIRECTED');
  child.stdin.write('\n');

  expect(await said()).toBeLessThan(LIMIT);
  const outcomes = JSON.stringify(sandbox.fastPath.outcomes());
  expect(sandbox.fastPath.bytes('REDIRECTED') - before, outcomes).toBeGreaterThan(CREDIT / 2);
  expect(sandbox.fastPath.bytes('REDIRECTED') - before, outcomes).toBeLessThan(4 * CREDIT);
  expect(sandbox.fastPath.messages('CREDIT'), outcomes).toBeGreaterThan(0);

  sandbox.fastPath.change({ paused: 1 });
  const redirected = sandbox.fastPath.messages('REDIRECTED');
  child.stdin.write('\n');
  await said();
  expect(sandbox.fastPath.messages('REDIRECTED')).toBe(redirected);

  child.stdin.end();
  expect(await said()).toBe(0);
  expect(await closed).toEqual([0, null]);
});

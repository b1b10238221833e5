/** Many connections between the same two ends: each is one of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import { NATIVE } from './peer.ts';
import { IPS, Sandbox, type Side } from './sandbox.ts';

allNeed('fast path');

const CONNECTIONS = 200;
/** Enough for the least promotion, three times over. */
const ROUNDS = 24;
const PORT = 9600;

/** native/crowd: answers each line with one, and ends with its input. */
class Crowd implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(sandbox: Sandbox, side: Side, ...args: readonly (string | number)[]) {
    const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
    const command = [`${NATIVE}/crowd`, ...args.map(String)];
    const words = [`--net=${sandbox.netns(side)}`, 'sh', '-c', enter, sandbox.cgroup('client'), ...command];
    this.#child = spawn('nsenter', words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async answer(): Promise<void> {
    const { done } = await this.#lines.next();
    if (done) throw new Error('native/crowd ended');
  }

  async do(command: string): Promise<void> {
    this.#child.stdin.write(`${command}\n`);
    await this.answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
  }
}

test('links every one of many connections of one address to one port, beside many that are linked', async () => {
  await using sandbox = new Sandbox();
  await using server = new Crowd(sandbox, 'a', 'server', IPS.a, PORT);
  await server.answer();
  await using first = new Crowd(sandbox, 'b', 'client', IPS.a, PORT, CONNECTIONS);
  await first.answer();
  for (let i = 0; i < ROUNDS; i++) await first.do('rounds 1');
  expect(sandbox.fastPath.count('LINKED')).toBe(CONNECTIONS);
  // By TCP, so that the packets of both come to be looked at in turns.
  sandbox.fastPath.change({ maxQueuedBytes: 0 });
  await using second = new Crowd(sandbox, 'b', 'client', IPS.a, PORT, CONNECTIONS);
  await second.answer();
  for (let i = 0; i < ROUNDS; i++) {
    await first.do('rounds 1');
    await second.do('rounds 1');
  }
  expect(sandbox.fastPath.count('LINKED')).toBe(2 * CONNECTIONS);
});

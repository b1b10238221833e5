/** native/semantics, driven: says what an application sees of a fresh connection, case by case. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { TIMEOUT_FACTOR } from '../../support/patience.ts';
import { NATIVE } from '../fastpath/peer.ts';
import type { Group, Sandbox, Side } from '../fastpath/sandbox.ts';

/** Label to value, in the order in which a case saw them. */
export type Seen = Readonly<Record<string, string>>;

export interface Route {
  readonly ip: string;
  readonly server: Side;
}

/** Both ends of each connection are this one process's. Dispose it: it ends. */
export class Subject implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  /** The client is in namespace a; the shell enters the cgroup before any socket exists. */
  constructor(sandbox: Sandbox, group: Group, route: Route) {
    const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
    const namespaces = ['--client-netns', sandbox.netns('a'), '--server-netns', sandbox.netns(route.server)];
    const command = [`${NATIVE}/semantics`, '--address', route.ip, '--patience', `${TIMEOUT_FACTOR}`, ...namespaces];
    this.#child = spawn('sh', ['-c', enter, sandbox.cgroup(group), ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('a piped child has no output');
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Names of all cases. */
  async list(): Promise<string[]> {
    return Object.keys(await this.#ask('list'));
  }

  /** A connection for this case, over which both ends have sent and read a few messages. */
  async open(name: string): Promise<void> {
    await this.#ask(`open ${name}`);
  }

  /** A few messages more. */
  async talk(): Promise<void> {
    await this.#ask('talk');
  }

  async run(): Promise<Seen> {
    return await this.#ask('run');
  }

  async #ask(command: string): Promise<Seen> {
    this.#child.stdin?.write(`${command}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`native/semantics ended at ${command}`);
    return JSON.parse(value) as Seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

/** native/peer, driven: one end of one connection that does what it is told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { patient } from '../../support/patience.ts';

export const NATIVE = fileURLToPath(new URL('../../../build/native', import.meta.url));

/** Their last word is the time that they may take, in milliseconds. */
const TIMED = ['read', 'echo', 'ask', 'write-all'];

/** How `read` waits; see native/peer/peer.c. */
export type Wait =
  | 'level'
  | 'edge'
  | 'edge-short'
  | 'oneshot'
  | 'nested-level'
  | 'nested-edge'
  | 'output'
  | 'poll'
  | 'select'
  | 'none';

export interface Answer {
  bytes: number;
  /** Bytes that were not the next ones of the stream. */
  wrong: number;
  /** The stream's end was read. */
  end: boolean;
  /** Name of an errno; empty: none. ETIMEDOUT: the time was up. */
  error: string;
}

export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  /** Runs in a namespace and a cgroup; the shell enters the cgroup before any socket exists. `through` executes it. */
  constructor(netns: string, cgroup: string, through: readonly string[] = []) {
    const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
    const command = ['sh', '-c', enter, cgroup, ...through, `${NATIVE}/peer`];
    this.#child = spawn('nsenter', [`--net=${netns}`, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.#child.stdout === null) throw new Error('a piped child has no output');
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Sends a command and waits for its answer, which may report an error. */
  async try(...command: readonly (string | number)[]): Promise<Answer> {
    const words = TIMED.includes(`${command[0]}`) ? command.with(-1, patient(Number(command.at(-1)))) : command;
    this.#child.stdin?.write(`${words.join(' ')}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`peer ended while it was to ${command.join(' ')}`);
    return JSON.parse(value) as Answer;
  }

  /** As {@link try}, for what must work and read nothing wrong. */
  async do(...command: readonly (string | number)[]): Promise<Answer> {
    const answer = await this.try(...command);
    if (answer.error === '' && answer.wrong === 0) return answer;
    throw new Error(`peer was to ${command.join(' ')}: ${JSON.stringify(answer)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((done) => this.#child.once('close', done));
    this.#child.kill('SIGKILL');
    await closed;
  }
}

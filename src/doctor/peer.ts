/** native/peer, driven: one end of one connection that does what it is told. Its commands are in native/peer/peer.c. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Answer {
  /** What the command moved or asked for. */
  readonly bytes: number;
  /** Bytes that were not the next ones of the stream. */
  readonly wrong: number;
  /** The stream's end was read. */
  readonly end: boolean;
  /** Name of an errno; empty: none. ETIMEDOUT: the time was up. */
  readonly error: string;
}

/** Enters a cgroup before the program exists, so that its sockets belong to it. */
const ENTER = 'echo $$ > "$0"/cgroup.procs && exec "$@"';

/** The command that runs `program` in a namespace (a path) and a cgroup (a directory). */
export function inside(netns: string, cgroup: string, program: readonly string[]): readonly [string, string[]] {
  return ['nsenter', [`--net=${netns}`, 'sh', '-c', ENTER, cgroup, ...program]];
}

export class Peer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  /** @param program native/peer, with what executes it before it. @param stderr What becomes of its complaints. */
  constructor(program: readonly string[], netns: string, cgroup: string, stderr: 'ignore' | 'inherit' = 'ignore') {
    const [command, words] = inside(netns, cgroup, program);
    this.#child = spawn(command, words, { stdio: ['pipe', 'pipe', stderr] });
    // a child that cannot start, or died, shows in the answer that does not come
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    if (this.#child.stdout === null) throw new Error('a piped child has no output');
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Sends a command and waits for its answer, which may report an error. @throws Error when the program ended. */
  async try(...command: readonly (string | number)[]): Promise<Answer> {
    this.#child.stdin?.write(`${command.join(' ')}\n`);
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

  /** Ends it and waits until its sockets are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((done) => this.#child.once('close', done));
    this.#child.kill('SIGKILL');
    await closed;
  }
}

/** Programs put into a namespace and a cgroup before they make any socket. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Side } from './netns-pair.ts';

const execute = promisify(execFile);

/** `$0` is the cgroup: the shell's text is fixed, nothing is built from input. */
const ENTER_CGROUP = 'echo 0 > "$0/cgroup.procs" && exec "$@"';
const START_MS = 20_000;
const STOP_MS = 10_000;

/** The process that is started is the program itself: each of nsenter and sh executes the next. */
export function placed({ netns, cgroup }: Side, command: readonly string[]): [string, string[]] {
  return ['nsenter', [`--net=${netns}`, '/bin/sh', '-c', ENTER_CGROUP, cgroup, ...command]];
}

/** What it wrote on standard output. Rejects when it fails or takes longer than `timeoutMs`. */
export async function runPlaced(side: Side, command: readonly string[], timeoutMs: number): Promise<string> {
  const [program, args] = placed(side, command);
  const { stdout } = await execute(program, args, { timeout: timeoutMs, maxBuffer: 1 << 24 });
  return stdout;
}

/** A server, from when its port can be connected to until it is disposed of. */
export class PlacedServer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #errors = '';

  private constructor(side: Side, command: readonly string[]) {
    const [program, args] = placed(side, command);
    this.#child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.once('error', (error) => {
      this.#errors += error.message;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = `${this.#errors}${text}`.slice(-2000);
    });
  }

  static async start(side: Side, command: readonly string[], port: number): Promise<PlacedServer> {
    const server = new PlacedServer(side, command);
    try {
      await server.#listens(side, port);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #listens({ netns }: Side, port: number): Promise<void> {
    const until = Date.now() + START_MS;
    const ask = [`--net=${netns}`, 'ss', '-Hltn', `sport = :${port}`];
    while ((await execute('nsenter', ask)).stdout.trim() === '') {
      if (this.#child.exitCode !== null || Date.now() > until) {
        throw new Error(`${this.#child.spawnargs.at(-1)}: does not listen on ${port}: ${this.#errors.trim()}`);
      }
      await sleep(50);
    }
  }

  /** By SIGINT, which ends each of the servers here at once; by SIGKILL after 10 s. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}

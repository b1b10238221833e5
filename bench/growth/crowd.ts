/** native/crowd, driven: as many connections as wanted, between as many processes as their descriptors ask for. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { BenchContext } from '../fastpath/bench-context.ts';
import type { NetnsPair, Side } from '../fastpath/netns-pair.ts';
import { placed } from '../fastpath/placed-process.ts';

const PROGRAM = join(import.meta.dirname, '../../build/native/crowd');
const FIRST_PORT = 9600;
/** Below the usual limit of descriptors, and of ports that one address has for one destination. */
const CONNECTIONS_EACH = 16_000;

interface Latency {
  readonly messages: number;
  readonly p50_ns: number;
}

export class Crowd implements AsyncDisposable {
  readonly connections: number;
  readonly #clients: Told[] = [];
  readonly #undo = new AsyncDisposableStack();

  private constructor(connections: number) {
    this.connections = connections;
  }

  /** From the pair's second namespace to its first, of members, on these processors. All are open when it resolves. */
  static async connect(pair: NetnsPair, cpus: BenchContext['cpus'], connections: number): Promise<Crowd> {
    const crowd = new Crowd(connections);
    try {
      for (let opened = 0; opened < connections; opened += CONNECTIONS_EACH) {
        const port = FIRST_PORT + crowd.#clients.length;
        const server = crowd.#undo.use(new Told(pair.first, cpus[0], ['server', pair.firstIp, `${port}`]));
        await server.answer();
        const number = Math.min(CONNECTIONS_EACH, connections - opened);
        const client = crowd.#undo.use(
          new Told(pair.second, cpus[1], ['client', pair.firstIp, `${port}`, `${number}`]),
        );
        await client.answer();
        crowd.#clients.push(client);
      }
      return crowd;
    } catch (error) {
      await crowd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** So many requests on each connection. */
  async rounds(number: number): Promise<void> {
    for (const client of this.#clients) await client.do(`rounds ${number}`);
  }

  /** One request after the other, on connections chosen at random among those of one process after the other. */
  async measure(durationMs: number): Promise<{ messages: number; p50Us: number }> {
    const each: Latency[] = [];
    for (const client of this.#clients) {
      each.push((await client.do(`measure ${Math.ceil(durationMs / this.#clients.length)}`)) as unknown as Latency);
    }
    const messages = each.reduce((sum, latency) => sum + latency.messages, 0);
    const sorted = each.map(({ p50_ns }) => p50_ns).sort((a, b) => a - b);
    return { messages, p50Us: (sorted[sorted.length >> 1] ?? Number.NaN) / 1000 };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync() as Promise<void>;
  }
}

/** A process that answers lines with lines of JSON, and ends with its input. */
class Told implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #errors = '';

  constructor(side: Side, cpu: number, args: readonly string[]) {
    // Else the kernel places both as it likes, and a request takes 15 us or, with a processor to wake, 55.
    const [program, words] = placed(side, ['taskset', '--cpu-list', `${cpu}`, PROGRAM, ...args]);
    this.#child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    // Told of the end of one that failed by `answer`.
    this.#child.stdin.on('error', () => undefined);
    this.#ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  async answer(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next();
    if (!done) return JSON.parse(value) as Record<string, unknown>;
    await this.#ended;
    throw new Error(this.#errors.trim() || `crowd ended: ${this.#child.exitCode ?? this.#child.signalCode}`);
  }

  do(command: string): Promise<Record<string, unknown>> {
    this.#child.stdin.write(`${command}\n`);
    return this.answer();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}

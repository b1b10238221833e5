/** native/chaos, driven: a server and a client, each in a place of its own, that check every byte. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { patient } from '../../support/patience.ts';
import { NATIVE } from '../fastpath/peer.ts';

const STALL_MS = patient(1000);

/** See native/chaos/chaos.c. */
export interface Tally {
  readonly seed: string;
  readonly connections: number;
  readonly bytes: number;
  readonly reads: number;
  readonly wrong: number;
  readonly lost: number;
  readonly failed: number;
  readonly stuck: number;
  readonly stalls: number;
  /** Not in `stalls`: plain TCP's timers may take as long. */
  readonly timerWaits: number;
  readonly longestStallMs: number;
  readonly mostUnderWay: number;
  readonly ways: Readonly<Record<'level' | 'edge' | 'poll' | 'blocking', number>>;
  /** What native/chaos said of each thing that went wrong, with the connection's own seed. */
  readonly complaints: readonly string[];
}

export const ALL_WELL = { wrong: 0, lost: 0, failed: 0, stuck: 0, stalls: 0 } as const;

export interface Place {
  readonly netns: string;
  readonly cgroup: string;
  /** Its edge-triggered readers read until EAGAIN. */
  readonly greedy: boolean;
}

export interface LoadOptions {
  readonly server: Place;
  readonly client: Place;
  readonly ip: string;
  readonly seconds: number;
  /** What counts as a stall. Default a second, scaled. Connections that are stuck are waited for 20 times as long. */
  readonly stallMs?: number;
  /** Default: another one each time. */
  readonly seed?: string;
}

/** Runs the load to its end. Rejects when a program of it fails; what it found is in the tally. */
export async function chaosLoad(options: LoadOptions): Promise<Tally> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'shunt-chaos-'));
  stack.defer(() => rmSync(directory, { recursive: true }));
  const board = join(directory, 'board');
  writeFileSync(board, '');
  const shared = ['--address', options.ip, '--board', board];
  const server = stack.use(new Program(options.server, ['server', ...shared]));
  const { port } = JSON.parse(await server.line()) as { port: number };
  const load = ['--port', `${port}`, '--seconds', `${options.seconds}`, '--stall-ms', `${options.stallMs ?? STALL_MS}`];
  const seed = options.seed === undefined ? [] : ['--seed', options.seed];
  const client = stack.use(new Program(options.client, ['client', ...shared, ...load, ...seed]));
  const tally = JSON.parse(await client.line()) as Omit<Tally, 'complaints'>;
  return { ...tally, complaints: [...client.complaints, ...server.complaints] };
}

class Program implements AsyncDisposable {
  readonly complaints: string[] = [];
  readonly #child;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<unknown>;

  /** Programs that may be redirected to get EINVAL of splice(2), as from `shunt run`. */
  constructor({ netns, cgroup, greedy }: Place, args: readonly string[]) {
    const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
    const command = [`${NATIVE}/refuse-splice`, `${NATIVE}/chaos`, ...args, ...(greedy ? ['--greedy'] : [])];
    this.#child = spawn('nsenter', [`--net=${netns}`, 'sh', '-c', enter, cgroup, ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = new Promise((done) => this.#child.once('close', done));
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    createInterface(this.#child.stderr).on('line', (line) => this.complaints.push(line));
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (!done) return value;
    await this.#closed;
    throw new Error(`native/chaos ended: ${this.complaints.join('\n')}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** The place where probes happen: a network namespace and a cgroup of their own, and the fast path on both. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cgroupId } from '../bpf/cgroup.ts';
import { VerifierLog } from '../bpf/verifier.ts';
import { ShuntError } from '../errors.ts';
import { Reader } from '../generated/abi.ts';
import { cgroup2Mount } from '../instance.ts';
import { runCommand } from '../workload/command.ts';
import type { Build } from './build.ts';
import { FastPath, type Promotion } from './fast-path.ts';
import { GROUPS, labName, sweepLabs } from './leftovers.ts';
import { inside, Peer } from './peer.ts';

const run = promisify(execFile);

/** Cgroups of peers; those in `workload` are members of the fast path. */
export type Group = (typeof GROUPS)[number];

/** How long a step between two peers may take; generous, because a loaded machine is not a broken kernel. */
export const STEP_MS = 5_000;
/** A conversation: rounds of 64 bytes each way, in batches. */
const ROUND_BYTES = 64;
const BATCH_ROUNDS = 20;
const BATCHES_MAX = 20;

export interface Pair {
  readonly client: Peer;
  readonly server: Peer;
}

/** Dispose it: peers end, programs are detached, namespace and cgroup go. */
export class Lab implements AsyncDisposable {
  readonly build: Build;
  readonly #name = labName();
  readonly #undo = new AsyncDisposableStack();
  #fastPath: FastPath | { readonly error: unknown } | undefined;

  private constructor(build: Build) {
    this.build = build;
  }

  /** @throws E_NEEDS without cgroup v2, Error when `ip` fails; nothing stays then. Needs root. */
  static async make(build: Build): Promise<Lab> {
    const lab = new Lab(build);
    try {
      await lab.#furnish();
      return lab;
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  get netns(): string {
    return `/run/netns/${this.#name}`;
  }

  /** A directory of cgroup v2. */
  cgroup(group: Group | '' = ''): string {
    return join(cgroup2Mount(), this.#name, group);
  }

  /** Loaded and attached by the first call. @throws what src/bpf throws; the same each time, for it is tried once. */
  get fastPath(): FastPath {
    this.#fastPath ??= this.#attach();
    if (this.#fastPath instanceof FastPath) return this.#fastPath;
    throw this.#fastPath.error;
  }

  peer(group: Group = 'workload'): Peer {
    return this.#undo.use(new Peer([join(this.build.native, 'peer')], this.netns, this.cgroup(group)));
  }

  /** A connection over lo; `how` both readers wait. `prepare` comes before the sockets. */
  async pair(
    how: readonly [client: string, server: string],
    prepare?: (pair: Pair) => Promise<unknown>,
  ): Promise<Pair> {
    const pair = { client: this.peer(), server: this.peer() };
    await prepare?.(pair);
    const { bytes: port } = await pair.server.do('listen', '127.0.0.1');
    await pair.client.do('connect', '127.0.0.1', port);
    await pair.server.do('accept');
    await pair.client.do('wait', how[0]);
    await pair.server.do('wait', how[1]);
    return pair;
  }

  /** The client asks and the server answers, until `done` or for as long as nobody would wait. */
  async converse({ client, server }: Pair, done: () => boolean = () => false): Promise<void> {
    for (let batch = 0; batch < BATCHES_MAX && !done(); batch++) {
      await Promise.all([
        server.do('echo', BATCH_ROUNDS * ROUND_BYTES, STEP_MS),
        client.do('ask', BATCH_ROUNDS, ROUND_BYTES, STEP_MS),
      ]);
    }
  }

  /** A connection on the fast path, both ways, with empty queues. @throws Error when it was not promoted. */
  async promotedPair(): Promise<Pair> {
    const { fastPath } = this;
    const before = fastPath.count('LINKED');
    const pair = await this.pair(['level', 'level']);
    await this.converse(pair, () => fastPath.count('LINKED') > before);
    if (fastPath.count('LINKED') > before) return pair;
    throw new Error(`the connection was not promoted: ${fastPath.describeCounters()}`);
  }

  /** Runs a native program in `workload`; its standard output. @throws Error when it fails or takes too long. */
  async native(program: string, words: readonly string[], timeoutMs: number): Promise<string> {
    const command = inside(this.netns, this.cgroup('workload'), [join(this.build.native, program), ...words]);
    const { stdout } = await run(command[0], command[1], { timeout: timeoutMs, killSignal: 'SIGKILL' });
    return stdout;
  }

  /** Receive-packet steering on lo, until disposed: segments are received on another processor than they were sent on. */
  async steer(): Promise<AsyncDisposable> {
    const everyProcessor = (2 ** Math.min(availableParallelism(), 8) - 1).toString(16);
    const set = async (processors: string): Promise<void> => {
      const script = `echo ${processors} > /sys/class/net/lo/queues/rx-0/rps_cpus`;
      await runCommand('ip', ['netns', 'exec', this.#name, 'sh', '-c', script]);
    };
    await set(everyProcessor);
    return { [Symbol.asyncDispose]: () => set('0') };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync() as Promise<void>;
  }

  /** As the supervisor would: by tc, or where that is refused by the iterator. */
  #attach(): FastPath | { readonly error: unknown } {
    const errors: unknown[] = [];
    for (const promotion of ['tc', 'iterator'] as const satisfies Promotion[]) {
      try {
        const fastPath = this.#undo.use(FastPath.attach(this.build, promotion, this.netns, this.cgroup()));
        fastPath.addMember(cgroupId(this.cgroup('workload')), Reader.AUTO);
        return fastPath;
      } catch (error) {
        errors.push(error);
      }
    }
    return { error: shortened(errors[0]) };
  }

  async #furnish(): Promise<void> {
    await sweepLabs();
    for (const group of ['', ...GROUPS] as const) {
      const path = this.cgroup(group);
      mkdirSync(path);
      this.#undo.defer(() => rmdirSync(path));
    }
    await runCommand('ip', ['netns', 'add', this.#name]);
    this.#undo.defer(async () => void (await runCommand('ip', ['netns', 'del', this.#name])));
    await runCommand('ip', ['-n', this.#name, 'link', 'set', 'lo', 'up']);
  }
}

/** The verifier's reason is told once, by the probe of the program itself. */
function shortened(error: unknown): unknown {
  const log = error instanceof ShuntError ? error.cause : undefined;
  if (!(log instanceof VerifierLog) || log.program === undefined) return error;
  return new Error(`nothing is promoted: the kernel refuses program ${log.program}`, { cause: error });
}

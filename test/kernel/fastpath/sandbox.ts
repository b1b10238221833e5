/** Two namespaces joined by a veth, a cgroup with two members and one outsider, and the fast path on all of it. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Reader } from '../../../src/generated/abi.ts';
import { cgroup2Mount } from '../../../src/instance.ts';
import { FastPath, type FastPathOptions } from '../../support/fastpath-fixture.ts';
import { Peer, type Wait } from './peer.ts';

export type Side = 'a' | 'b';
/** Cgroups: `client` and `server` are members, `outside` is not, and a test may add more below them. */
export type Group = 'client' | 'server' | 'outside' | `${'client' | 'server'}/${string}`;
const GROUPS = ['client', 'server', 'outside'] as const;

export const IPS = { a: '10.96.0.1', b: '10.96.0.2' } as const;
export const IPV6 = { a: 'fd96::1', b: 'fd96::2' } as const;

export interface SandboxOptions
  extends Pick<FastPathOptions, 'object' | 'settings' | 'promotion' | 'promotesNominees'> {
  /** How readers in these cgroups are treated. Default AUTO. */
  readonly client?: (typeof Reader)[keyof typeof Reader];
  readonly server?: (typeof Reader)[keyof typeof Reader];
}

export interface PairOptions {
  /** Default: both in namespace a, over lo. */
  readonly sides?: readonly [client: Side, server: Side];
  /** The server's address. Default 127.0.0.1. */
  readonly ip?: string;
  readonly groups?: readonly [client: Group, server: Group];
  /** Default: level, level. */
  readonly waits?: readonly [client: Wait, server: Wait];
  /** A command that executes the server in its own place. */
  readonly serverThrough?: readonly string[];
  /** Before any byte is sent. */
  readonly prepare?: (client: Peer, server: Peer) => Promise<unknown>;
  /** Rounds of 64 bytes each way before the test begins; 0: none. Default 20. */
  readonly warmUpRounds?: number;
}

const ROUND_BYTES = 64;
/** After these many both ends received what the settings of tests ask for, twice. */
const ROUNDS_TO_NOMINATE = 6;

export class Sandbox implements AsyncDisposable {
  readonly fastPath: FastPath;
  readonly #name = `shunt-fp-${randomBytes(3).toString('hex')}`;
  readonly #undo = new AsyncDisposableStack();

  constructor(options: SandboxOptions = {}) {
    try {
      for (const side of ['a', 'b'] as const) this.#addNamespace(side);
      this.#join();
      this.#addCgroups();
      const devices = ['a', 'b'].flatMap((side) =>
        ['lo', 'eth0'].map((device) => ({ netns: this.netns(side as Side), device })),
      );
      this.fastPath = FastPath.load({ ...options, cgroup: this.#cgroup(), devices });
      this.#undo.use(this.fastPath);
      this.fastPath.addMember(this.cgroup('client'), options.client ?? Reader.AUTO);
      this.fastPath.addMember(this.cgroup('server'), options.server ?? Reader.AUTO);
    } catch (error) {
      void this.#undo.disposeAsync();
      throw error;
    }
  }

  netns(side: Side): string {
    return `/run/netns/${this.#name}-${side}`;
  }

  cgroup(group: Group): string {
    return join(this.#cgroup(), group);
  }

  /** Made now, removed with the sandbox. */
  addCgroup(group: Group): void {
    const path = this.cgroup(group);
    mkdirSync(path);
    this.#undo.defer(() => rmdirSync(path));
  }

  peer(side: Side, group: Group, through: readonly string[] = []): Peer {
    return this.#undo.use(new Peer(this.netns(side), this.cgroup(group), through));
  }

  /** A connection whose ends asked and answered long enough to be promoted, if they may be. */
  async pair(options: PairOptions = {}): Promise<{ client: Peer; server: Peer }> {
    const { sides = ['a', 'a'], ip = '127.0.0.1', groups = ['client', 'server'], warmUpRounds = 20 } = options;
    const { waits = ['level', 'level'], prepare } = options;
    const client = this.peer(sides[0], groups[0]);
    const server = this.peer(sides[1], groups[1], options.serverThrough);
    const { bytes: port } = await server.do('listen', ip);
    await client.do('connect', ip, port);
    await server.do('accept');
    await client.do('wait', waits[0]);
    await server.do('wait', waits[1]);
    await prepare?.(client, server);
    if (warmUpRounds > 0) await this.rounds(client, server, warmUpRounds);
    return { client, server };
  }

  /** The client asks, the server answers; each is waiting when the other sends. */
  async rounds(client: Peer, server: Peer, rounds: number, bytes: number = ROUND_BYTES): Promise<void> {
    const first = Math.min(ROUNDS_TO_NOMINATE, Math.ceil(rounds / 2));
    const converse = (count: number) =>
      Promise.all([server.do('echo', count * bytes, 10_000), client.do('ask', count, bytes, 10_000)]);
    await converse(first);
    // Where tc promotes they are promoted by now.
    this.fastPath.enter();
    if (first < rounds) await converse(rounds - first);
  }

  /** Receive-packet steering to every processor, on lo and on the veth: segments are received on another one. */
  steer(): void {
    const processors = (2 ** Math.min(availableParallelism(), 8) - 1).toString(16);
    const script = `for file in /sys/class/net/*/queues/rx-0/rps_cpus; do echo ${processors} > $file || exit 1; done`;
    for (const side of ['a', 'b'] as const) {
      execFileSync('ip', ['netns', 'exec', `${this.#name}-${side}`, 'sh', '-c', script], { stdio: 'pipe' });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync() as Promise<void>;
  }

  #cgroup(): string {
    return join(cgroup2Mount(), this.#name);
  }

  #addNamespace(side: Side): void {
    const name = `${this.#name}-${side}`;
    ip('netns', 'add', name);
    this.#undo.defer(() => ip('netns', 'del', name));
  }

  #join(): void {
    const veth = `link add eth0 type veth peer name eth0 netns ${this.#name}-b`;
    for (const side of ['a', 'b'] as const) {
      ipBatch(`${this.#name}-${side}`, [
        ...(side === 'a' ? [veth] : []),
        'link set lo up',
        `addr add ${IPS[side]}/24 dev eth0`,
        `addr add ${IPV6[side]}/64 dev eth0 nodad`,
        'link set eth0 up',
      ]);
    }
  }

  #addCgroups(): void {
    const root = this.#cgroup();
    mkdirSync(root);
    this.#undo.defer(() => rmdirSync(root));
    for (const group of GROUPS) this.addCgroup(group);
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** All in one process: forks are what tests in an emulated guest wait for. */
function ipBatch(netns: string, commands: readonly string[]): void {
  execFileSync('ip', ['-n', netns, '-batch', '-'], { input: commands.join('\n'), stdio: ['pipe', 'ignore', 'pipe'] });
}

/** Two network namespaces with a veth pair between them and a cgroup: a place for two peers that nobody else shares. */
import { execFile } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cgroup2Mount, netnsPath } from '../../src/instance.ts';

const run = promisify(execFile);

/** Device of the pair inside both namespaces. */
export const PAIR_DEVICE = 'eth0';

/** Addresses for benchmarking (RFC 2544); the namespaces have no other network, so that every pair may have the same. */
const FIRST_IP = '198.18.0.1';
const SECOND_IP = '198.18.0.2';

/** Where a process is put. */
export interface Side {
  /** Path of the namespace. */
  readonly netns: string;
  readonly cgroup: string;
}

export class NetnsPair implements AsyncDisposable {
  readonly firstIp = FIRST_IP;
  readonly first: Side;
  readonly second: Side;
  readonly cgroup: string;
  /** Beside {@link cgroup}: of processes that are no members. */
  readonly outsideCgroup: string;
  readonly #names: readonly [string, string];

  private constructor(name: string) {
    this.#names = [`${name}-1`, `${name}-2`];
    this.cgroup = join(cgroup2Mount(), name);
    this.outsideCgroup = join(cgroup2Mount(), `${name}-outside`);
    this.first = { netns: netnsPath(this.#names[0]), cgroup: this.cgroup };
    this.second = { netns: netnsPath(this.#names[1]), cgroup: this.cgroup };
  }

  /** `name` must be unused on the machine. Rejects, with nothing left behind, when a step fails. */
  static async create(name: string): Promise<NetnsPair> {
    const pair = new NetnsPair(name);
    try {
      await pair.#make();
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #make(): Promise<void> {
    const [first, second] = this.#names;
    mkdirSync(this.cgroup);
    mkdirSync(this.outsideCgroup);
    await run('ip', ['netns', 'add', first]);
    await run('ip', ['netns', 'add', second]);
    await run('ip', [
      '-n',
      first,
      ...`link add ${PAIR_DEVICE} type veth peer ${PAIR_DEVICE} netns ${second}`.split(' '),
    ]);
    for (const [name, ip] of [
      [first, FIRST_IP],
      [second, SECOND_IP],
    ] as const) {
      await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
      await run('ip', ['-n', name, 'address', 'add', `${ip}/30`, 'dev', PAIR_DEVICE]);
      await run('ip', ['-n', name, 'link', 'set', PAIR_DEVICE, 'up']);
    }
  }

  /** Safe when parts are missing. Waits, for 10 s at most, for the last processes in the cgroups to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names) await run('ip', ['netns', 'delete', name]).catch(() => undefined);
    for (const cgroup of [this.cgroup, this.outsideCgroup]) {
      await remove(cgroup, Date.now() + 10_000);
    }
  }
}

/** The children of a server outlive it by moments. */
async function remove(cgroup: string, untilMs: number): Promise<void> {
  try {
    rmdirSync(cgroup);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    if (code !== 'EBUSY' || Date.now() > untilMs) throw error;
    await sleep(20);
    await remove(cgroup, untilMs);
  }
}

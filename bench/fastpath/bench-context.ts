/** What the groups of the benchmark share: pairs of namespaces, made when a group first needs them, and how peers are measured. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchmarkOptions, Measurement, Metric } from '../harness/benchmark.ts';
import { FastPath, type FastPathOptions } from './fast-path.ts';
import { lazy } from './lazy.ts';
import { NetnsPair, type Side } from './netns-pair.ts';
import { type Address, type Mode, type PeersReport, runPeers } from './peers.ts';

const WARM_UP_MS = 200;
const PORT = 9400;

/** Where the peers meet. veth: they are in two namespaces. lo: in one. */
export type Path = 'veth' | 'lo';

/** Share of the bytes that promoted sockets sent: it explains the other figures. */
export const SHARE: Metric = { name: 'fast path', unit: '% of bytes', digits: 1, compare: false };

/** A pair of namespaces, with the fast path on it or without. */
export interface Network {
  readonly pair: NetnsPair;
  /** Absent: no program of ours is attached at all. */
  readonly fastPath?: FastPath;
}

export interface PeersWork {
  readonly mode: Mode;
  readonly path: Path;
  readonly sizeBytes: number;
  /** Default tcp. */
  readonly protocol?: 'tcp' | 'udp' | 'unix';
  readonly blocking?: boolean;
  readonly requests?: number;
  /** The server is no member. Default false. */
  readonly isServerOutside?: boolean;
  /** Default: as the command line says. */
  readonly durationMs?: number;
}

export class BenchContext implements AsyncDisposable {
  readonly options: BenchmarkOptions;
  readonly cpus: readonly [server: number, client: number];
  readonly #undo = new AsyncDisposableStack();
  readonly #directory: string;
  readonly #plain: () => Promise<Network>;
  readonly #fast = new Map<string, () => Promise<Network>>();

  constructor(options: BenchmarkOptions) {
    const last = cpus().length - 1;
    this.options = options;
    this.cpus = options.cpus ?? [last, last];
    this.#directory = mkdtempSync(join(tmpdir(), 'shunt-bench-'));
    this.#undo.defer(() => rmSync(this.#directory, { recursive: true, force: true }));
    // A pair of its own: what TCP costs must be measured where no program of ours is attached at all.
    this.#plain = lazy(async () => ({ pair: this.#undo.use(await NetnsPair.create(this.#name('plain'))) }));
  }

  plain(): Promise<Network> {
    return this.#plain();
  }

  /** One for each kind of settings and readers, because both are maps of the object. */
  fast(options: Pick<FastPathOptions, 'settings' | 'reader'> = {}): Promise<Network> {
    const kind = JSON.stringify(options);
    let make = this.#fast.get(kind);
    if (make === undefined) {
      const name = this.#name(`fast-${this.#fast.size}`);
      make = lazy(async () => {
        const pair = this.#undo.use(await NetnsPair.create(name));
        return { pair, fastPath: this.#undo.use(FastPath.attach(pair, options)) };
      });
      this.#fast.set(kind, make);
    }
    return make();
  }

  /** Disposed of with the context, before what was made earlier. */
  use<T extends AsyncDisposable>(resource: T): T {
    return this.#undo.use(resource);
  }

  /** A new folder, world-writable, removed with the context. */
  directory(name: string): string {
    const path = mkdtempSync(join(this.#directory, `${name}-`));
    chmodSync(path, 0o777);
    chmodSync(this.#directory, 0o755);
    return path;
  }

  get settings(): Readonly<Record<string, unknown>> {
    return { serverCpu: this.cpus[0], clientCpu: this.cpus[1], warmUpMs: WARM_UP_MS, ...FastPath.defaults };
  }

  /** Runs two peers; `sent` are the bytes that promoted sockets sent meanwhile, by outcome. */
  async run({ pair, fastPath }: Network, work: PeersWork): Promise<PeersReport & { sent: Record<string, number> }> {
    const { path, mode, sizeBytes, protocol = 'tcp' } = work;
    const ip = path === 'lo' ? '127.0.0.1' : pair.firstIp;
    const address: Address =
      protocol === 'unix'
        ? { kind: protocol, path: join(this.#directory, 'socket') }
        : { kind: protocol, ip, port: PORT };
    const server: Side = work.isServerOutside ? { ...pair.first, cgroup: pair.outsideCgroup } : pair.first;
    const before = fastPath?.sentBytes() ?? {};
    const report = await runPeers({
      mode,
      address,
      sizeBytes,
      warmUpMs: WARM_UP_MS,
      durationMs: work.durationMs ?? this.options.durationMs,
      busy: this.options.busy && work.blocking !== true,
      ...(work.blocking === undefined ? {} : { blocking: work.blocking }),
      ...(work.requests === undefined ? {} : { requests: work.requests }),
      server: { ...server, cpu: this.cpus[0] },
      client: { ...(path === 'lo' ? pair.first : pair.second), cpu: this.cpus[1] },
    });
    return { ...report, sent: difference(fastPath?.sentBytes() ?? {}, before) };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#undo.disposeAsync() as Promise<void>;
  }

  #name(which: string): string {
    return `shunt-bench-${process.pid}-${which}`;
  }
}

/** Percent. */
export function redirectedShare(sent: Readonly<Record<string, number>>): number {
  const all = Object.values(sent).reduce((sum, bytes) => sum + bytes, 0);
  return all === 0 ? 0 : ((sent.REDIRECTED ?? 0) / all) * 100;
}

/** A row named `fast path` that measured TCP would be a lie. */
export function mustBeUsed(measurement: Measurement): Measurement {
  const share = measurement.values[SHARE.name] ?? 0;
  if (share > 0) return measurement;
  throw new Error(`no byte took the fast path: ${JSON.stringify(measurement.details?.sent)}`);
}

export function difference(
  after: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
): Record<string, number> {
  const pairs = Object.entries(after).map(([name, bytes]) => [name, bytes - (before[name] ?? 0)] as const);
  return Object.fromEntries(pairs.filter(([, bytes]) => bytes > 0));
}

/** The fast path alone, loaded and attached for one test: no instance, no supervisor, no capture. */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cgroupId } from '../../src/bpf/cgroup.ts';
import { MapIterator } from '../../src/bpf/iterator.ts';
import { BpfObject } from '../../src/bpf/object.ts';
import { RingReader } from '../../src/bpf/ring.ts';
import { attachTc } from '../../src/bpf/tc.ts';
import { type DataplaneEvent, decodeEvent } from '../../src/dataplane/events.ts';
import { FAST_PATH_CGROUP_PROGRAMS, PROMOTION_PROGRAMS, type Promotion } from '../../src/dataplane/hooks.ts';
import {
  Counter,
  type Flow,
  maps,
  Outcome,
  type Pair,
  type PairKey,
  type Reader,
  type Settings,
  type SocketState,
} from '../../src/generated/abi.ts';
import { has } from './capabilities.ts';

export const FAST_PATH_OBJECT = fileURLToPath(new URL('../../build/bpf/fastpath.bpf.o', import.meta.url));
export const QUEUES_OBJECT = fileURLToPath(new URL('../../build/bpf/queues.bpf.o', import.meta.url));
export const PCAP_OBJECT = fileURLToPath(new URL('../../build/bpf/pcap.bpf.o', import.meta.url));

export interface FastPathOptions {
  /** Default: the one that scripts/build makes. */
  readonly object?: string;
  /** Holds all sockets of the test, below it those of members; sockops and setsockopt are attached to it. */
  readonly cgroup: string;
  /** Paths of namespaces, and the devices in each whose ingress promotes. */
  readonly devices: readonly { readonly netns: string; readonly device: string }[];
  readonly settings?: Partial<Settings>;
  /** Default: tc, or the iterator where the kernel refuses that. */
  readonly promotion?: Promotion;
  /** Default true. false: nominated sockets wait until {@link FastPath.enter} is called. */
  readonly promotesNominees?: boolean;
}

const TEST_SETTINGS: Settings = {
  paused: 0,
  promoteAfterSegments: 4,
  maxQueuedBytes: 256 * 1024,
  outboundPort: 0,
  workloadCgroupLevel: 0,
  epoch: 0,
  refreshJiffies: 0,
};

/** Names of everything in `counters` that is not a message or its bytes. */
type CounterName = Exclude<keyof typeof Counter, 'MESSAGES' | 'BYTES' | 'COUNT'>;
type OutcomeName = Exclude<keyof typeof Outcome, 'COUNT'>;

interface Loaded {
  readonly undo: DisposableStack;
  readonly iterator: MapIterator | undefined;
}

/** Dispose it: all is detached and unpinned. Sockets that are promoted keep `redirect` alive until they close. */
export class FastPath implements Disposable {
  readonly pinDir: string;
  /** Numbers of the loaded programs, as bpftool shows them. */
  readonly programIds: readonly number[];
  readonly promotion: Promotion;
  readonly #undo: DisposableStack;
  readonly #object: BpfObject;
  /** Undefined where tc promotes. */
  readonly #iterator: MapIterator | undefined;

  private constructor(pinDir: string, object: BpfObject, ids: readonly number[], loaded: Loaded) {
    this.pinDir = pinDir;
    this.#object = object;
    this.programIds = ids;
    this.#undo = loaded.undo;
    this.#iterator = loaded.iterator;
    this.promotion = loaded.iterator === undefined ? 'tc' : 'iterator';
  }

  /** @throws what src/bpf throws; nothing stays then, but filters on devices. */
  static load(options: FastPathOptions): FastPath {
    using undo = new DisposableStack();
    const { promotion = defaultPromotion(), promotesNominees = true } = options;
    const others: readonly string[] = PROMOTION_PROGRAMS[promotion === 'tc' ? 'iterator' : 'tc'];
    const pinDir = join('/sys/fs/bpf', `shunt-test-${randomBytes(4).toString('hex')}`);
    undo.defer(() => rmSync(pinDir, { recursive: true, force: true }));
    const object = undo.use(
      BpfObject.open(options.object ?? FAST_PATH_OBJECT, {
        mapPinDir: pinDir,
        skip: (program) => others.includes(program),
      }).load(),
    );
    object.map(maps.settings).set(0, { ...TEST_SETTINGS, ...options.settings });
    const redirect = object.program('redirect');
    const promote = object.program(PROMOTION_PROGRAMS[promotion][0]);
    let iterator: MapIterator | undefined;
    if (promotion === 'iterator') {
      iterator = undo.use(MapIterator.attach(object.program('enter'), object.map(maps.wanted)));
      if (promotesNominees) undo.use(iterator.runOnRecords(object.map(maps.nominations)));
    }
    const ids = [redirect, promote].map((program) => programId(program.fd));
    redirect.attachToMap(object.map(maps.sockets), 'sk_msg');
    for (const name of FAST_PATH_CGROUP_PROGRAMS) {
      const link = object.program(name).attachCgroup(options.cgroup);
      undo.use(link);
    }
    for (const at of options.devices) {
      attachTc({ ...at, direction: 'ingress', priority: 20, handle: 20, program: promote });
    }
    return new FastPath(pinDir, object, ids, { iterator, undo: undo.move() });
  }

  /** Promotes now who is nominated. False: tc promotes, or nobody any more. */
  enter(): boolean {
    if (this.#iterator === undefined || this.#undo.disposed) return false;
    this.#iterator.run();
    return true;
  }

  /** Sockets of this cgroup, and of those below it that are no member themselves when `settings` says at what depth. */
  addMember(cgroup: string, reader: (typeof Reader)[keyof typeof Reader]): void {
    this.#object.map(maps.members).set(cgroupId(cgroup), { reader, paused: 0 });
    this.#raiseEpoch();
  }

  /** Of one member alone. */
  pauseMember(cgroup: string, paused: boolean): void {
    const members = this.#object.map(maps.members);
    const member = members.get(cgroupId(cgroup));
    if (member === undefined) throw new RangeError(`${cgroup} is no member`);
    members.set(cgroupId(cgroup), { ...member, paused: paused ? 1 : 0 });
    this.#raiseEpoch();
  }

  change(settings: Partial<Settings>): void {
    const map = this.#object.map(maps.settings);
    map.set(0, { ...(map.get(0) ?? TEST_SETTINGS), ...settings });
  }

  #raiseEpoch(): void {
    const epoch = this.#object.map(maps.settings).get(0)?.epoch ?? 0;
    this.change({ epoch: epoch + 1 });
  }

  count(name: CounterName): number {
    return this.#sum(Counter[name]);
  }

  messages(outcome: OutcomeName): number {
    return this.#sum(Counter.MESSAGES + Outcome[outcome]);
  }

  bytes(outcome: OutcomeName): number {
    return this.#sum(Counter.BYTES + Outcome[outcome]);
  }

  /** Messages by outcome, without those that did not happen: for messages of failed tests. */
  outcomes(): Partial<Record<OutcomeName, number>> {
    const names = Object.keys(Outcome).filter((name): name is OutcomeName => name !== 'COUNT');
    return Object.fromEntries(names.map((name) => [name, this.messages(name)]).filter(([, count]) => count !== 0));
  }

  flows(): Flow[] {
    return [...this.#object.map(maps.flows).entries()].map(([, flow]) => flow);
  }

  /** What closed connections sent, by pair. */
  pairs(): [PairKey, Pair][] {
    return [...this.#object.map(maps.pairs).entries()];
  }

  /** Sockets of which an option is noted that was set after promotion. */
  lateOptions(): number {
    return this.#object.map(maps.options).keys().length;
  }

  /** The first `count` events. Does not end when there are fewer. */
  events(count: number): Promise<DataplaneEvent[]> {
    return new Promise((resolve) => {
      const seen: DataplaneEvent[] = [];
      const reader = new RingReader(this.#object.map(maps.events), maps.events.maxEntries, (view, offset) => {
        const event = decodeEvent(view, offset);
        if (event !== undefined) seen.push(event);
        if (seen.length < count) return;
        reader[Symbol.dispose]();
        resolve(seen);
      });
    });
  }

  /** @param fd A descriptor of the socket, of this process. */
  state(fd: number): SocketState | undefined {
    return this.#object.map(maps.states).get(fd);
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }

  #sum(index: number): number {
    const values = this.#object.map(maps.counters).getPerCpu(index) ?? [];
    return Number(values.reduce((a, b) => a + b, 0n));
  }
}

/** SHUNT_PROMOTION=iterator: as on a kernel that refuses tc, for all tests that ask for neither. */
function defaultPromotion(): Promotion {
  return process.env.SHUNT_PROMOTION !== 'iterator' && has('promotion by tc') ? 'tc' : 'iterator';
}

function programId(fd: number): number {
  const line = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/^prog_id:\s*(\d+)$/m);
  return Number(line?.[1]);
}

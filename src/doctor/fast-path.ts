/** The fast path alone, attached in a lab: no instance, no capture. */
import { MapIterator } from '../bpf/iterator.ts';
import type { BpfObject } from '../bpf/object.ts';
import { attachTc } from '../bpf/tc.ts';
import { Counter, type Flow, type FlowKey, maps, Outcome, type Reader, type Settings } from '../generated/abi.ts';
import type { Build } from './build.ts';
import { loadOnly } from './programs.ts';

/** Names of everything in `counters` that is not a message or its bytes. */
type CounterName = Exclude<keyof typeof Counter, 'MESSAGES' | 'BYTES' | 'COUNT'>;
type OutcomeName = Exclude<keyof typeof Outcome, 'COUNT'>;

/** Who promotes: the program of tc, or the iterator that it wakes. */
export type Promotion = 'tc' | 'iterator';

const CGROUP_PROGRAMS = ['socket_events', 'socket_options', 'socket_answers', 'socket_released'];
const PROGRAMS = ['redirect', ...CGROUP_PROGRAMS];

/** Early, so that a probe is short; a queue that is larger than what any probe leaves in it. */
const SETTINGS = { paused: 0, promoteAfterSegments: 2, maxQueuedBytes: 256 * 1024 } as const;

/** Dispose it: all is detached. Sockets that are promoted keep `redirect` alive until they close. */
export class FastPath implements Disposable {
  readonly object: BpfObject;
  readonly #undo: DisposableStack;

  private constructor(object: BpfObject, undo: DisposableStack) {
    this.object = object;
    this.#undo = undo;
  }

  /** On lo of a namespace and on a cgroup. @throws what src/bpf throws; nothing stays then, but a filter on lo. */
  static attach(build: Build, promotion: Promotion, netns: string, cgroup: string): FastPath {
    using undo = new DisposableStack();
    const promoters = promotion === 'tc' ? ['promote'] : ['nominate', 'enter'];
    const object = undo.use(loadOnly(build, 'fastpath', [...PROGRAMS, ...promoters]));
    const settings = object.map(maps.settings);
    const unset = settings.get(0);
    if (unset === undefined) throw new RangeError('an array map has no element 0');
    settings.set(0, { ...unset, ...SETTINGS });
    object.program('redirect').attachToMap(object.map(maps.sockets), 'sk_msg');
    for (const name of CGROUP_PROGRAMS) undo.use(object.program(name).attachCgroup(cgroup));
    if (promotion === 'iterator') {
      const iterator = undo.use(MapIterator.attach(object.program('enter'), object.map(maps.wanted)));
      undo.use(iterator.runOnRecords(object.map(maps.nominations)));
    }
    const program = object.program(promotion === 'tc' ? 'promote' : 'nominate');
    attachTc({ netns, device: 'lo', direction: 'ingress', priority: 20, handle: 20, program });
    return new FastPath(object, undo.move());
  }

  addMember(cgroupId: bigint, reader: (typeof Reader)[keyof typeof Reader]): void {
    this.object.map(maps.members).set(cgroupId, { reader, paused: 0 });
  }

  /** While paused every message goes by TCP. */
  setPaused(paused: boolean): void {
    const map = this.object.map(maps.settings);
    map.set(0, { ...(map.get(0) as Settings), paused: paused ? 1 : 0 });
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

  /** By cookie of the sending socket. */
  flow(cookie: number): Flow | undefined {
    return this.object.map(maps.flows).get(BigInt(cookie));
  }

  /** Takes a socket out of the socket hash, as nobody but a probe may. False: it was not in it. */
  forget(key: FlowKey): boolean {
    return this.object.map(maps.sockets).delete(key);
  }

  /** Everything that is not 0, for messages. */
  describeCounters(): string {
    const named = [
      ...Object.entries(Counter).filter(([name]) => !['MESSAGES', 'BYTES', 'COUNT'].includes(name)),
      ...Object.entries(Outcome).filter(([name]) => name !== 'COUNT'),
    ].map(([name, index]) => [name, this.#sum(index)] as const);
    return named
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  }

  [Symbol.dispose](): void {
    this.#undo.dispose();
  }

  #sum(index: number): number {
    const values = this.object.map(maps.counters).getPerCpu(index) ?? [];
    return Number(values.reduce((a, b) => a + b, 0n));
  }
}

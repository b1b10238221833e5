/** The fast path on one pair of namespaces, with no instance of shunt around it. */
import { join } from 'node:path';
import { cgroupId } from '../../src/bpf/cgroup.ts';
import { type ProgramCost, programCost } from '../../src/bpf/info.ts';
import { jiffyMs } from '../../src/bpf/jiffy.ts';
import type { BpfMap } from '../../src/bpf/map.ts';
import { BpfObject } from '../../src/bpf/object.ts';
import { attachTc } from '../../src/bpf/tc.ts';
import { REFRESH_MS } from '../../src/dataplane/dataplane.ts';
import { FAST_PATH_CGROUP_PROGRAMS } from '../../src/dataplane/hooks.ts';
import { Counter, maps, Outcome, Reader, type Settings } from '../../src/generated/abi.ts';
import { type NetnsPair, PAIR_DEVICE } from './netns-pair.ts';

const OBJECT = join(import.meta.dirname, '../../build/bpf/fastpath.bpf.o');

/** What a mesh has when nobody says otherwise. */
const DEFAULTS = { promoteAfterSegments: 8, maxQueuedBytes: 1024 * 1024 };

type FastPathSettings = typeof DEFAULTS;

export interface FastPathOptions {
  /** Path of the object. Default: the one that scripts/build makes. */
  readonly object?: string;
  /** Default: what a mesh has when nobody says otherwise. */
  readonly settings?: Partial<FastPathSettings>;
  /** How readers in the pair's cgroup are treated. Default AUTO. */
  readonly reader?: (typeof Reader)[keyof typeof Reader];
}

/** Attached until disposed of. Sockets that are promoted then stay so until they close. */
export class FastPath implements Disposable {
  static readonly defaults: FastPathSettings = DEFAULTS;
  readonly settings: FastPathSettings;
  #stack: DisposableStack;
  readonly #settingsMap: BpfMap<number, Settings>;
  readonly #counters: BpfMap<number, bigint>;
  readonly #object: BpfObject;

  private constructor(stack: DisposableStack, settings: FastPathSettings, object: BpfObject) {
    this.#stack = stack;
    this.#object = object;
    this.settings = settings;
    this.#settingsMap = object.map(maps.settings);
    this.#counters = object.map(maps.counters);
  }

  /**
   * On lo and on the veth of both namespaces, for the processes of the pair's cgroup. Needs scripts/build to have run.
   * @throws E_BPF_OPEN, E_BPF_LOAD, E_BPF_ATTACH; nothing stays attached then.
   */
  static attach(pair: NetnsPair, options: FastPathOptions = {}): FastPath {
    using stack = new DisposableStack();
    const object = stack.use(BpfObject.open(options.object ?? OBJECT).load());
    for (const program of FAST_PATH_CGROUP_PROGRAMS) {
      stack.use(object.program(program).attachCgroup(pair.cgroup));
    }
    object.program('redirect').attachToMap(object.map(maps.sockets), 'sk_msg');
    object.map(maps.members).set(cgroupId(pair.cgroup), { reader: options.reader ?? Reader.AUTO, paused: 0 });
    const program = object.program('promote');
    for (const { netns } of [pair.first, pair.second]) {
      for (const device of ['lo', PAIR_DEVICE]) {
        // The filter goes with its namespace.
        attachTc({ netns, device, direction: 'ingress', priority: 20, handle: 20, program });
      }
    }
    const settings = { ...DEFAULTS, ...options.settings };
    const fastPath = new FastPath(stack, settings, object);
    fastPath.pause(false);
    fastPath.#stack = stack.move();
    return fastPath;
  }

  /** Paused: all goes by TCP, with the programs attached. */
  pause(paused: boolean): void {
    this.#settingsMap.set(0, {
      ...this.settings,
      paused: paused ? 1 : 0,
      outboundPort: 0,
      workloadCgroupLevel: 0,
      epoch: 0,
      refreshJiffies: Math.round(REFRESH_MS / jiffyMs()),
    });
  }

  /** Bytes that promoted sockets sent since the start, by outcome (`REDIRECTED`, `HANDOVER`, …). */
  sentBytes(): Record<string, number> {
    const outcomes = Object.entries(Outcome).filter(([name]) => name !== 'COUNT');
    return Object.fromEntries(
      outcomes.map(([name, outcome]) => {
        const perCpu = this.#counters.getPerCpu(Counter.BYTES + outcome) ?? [];
        return [name, Number(perCpu.reduce((sum, bytes) => sum + bytes, 0n))];
      }),
    );
  }

  /** Sockets that were promoted, and pairs that were linked, since the start. */
  count(counter: 'PROMOTED' | 'LINKED'): number {
    return Number((this.#counters.getPerCpu(Counter[counter]) ?? []).reduce((sum, count) => sum + count, 0n));
  }

  /** What each program cost since it was loaded, while somebody held `enableRunStats`. */
  costs(): Record<'promote' | 'redirect' | 'socket_events', ProgramCost> {
    const cost = (name: string): ProgramCost => programCost(this.#object.program(name).fd, name);
    return { promote: cost('promote'), redirect: cost('redirect'), socket_events: cost('socket_events') };
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

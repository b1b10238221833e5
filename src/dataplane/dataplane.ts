/** A data plane that is in the kernel, as its owner sees it: what to capture, whom to trust, what happened. */
import { cgroupId } from '../bpf/cgroup.ts';
import { type ProgramCost, programCost } from '../bpf/info.ts';
import { MapIterator } from '../bpf/iterator.ts';
import { jiffyMs } from '../bpf/jiffy.ts';
import type { BpfMap } from '../bpf/map.ts';
import { RingReader } from '../bpf/ring.ts';
import type { Topology } from '../config/topology.ts';
import {
  DestinationFlag,
  type Flow,
  type Member,
  maps,
  Reader,
  type Settings,
  type SocketState,
  Verdict,
} from '../generated/abi.ts';
import { type Instance, type ResourceKey, workloadCgroup } from '../instance.ts';
import { ipFromBe, swapPort } from './address.ts';
import type { Attach } from './attach.ts';
import { COUNTER_NAMES } from './counters.ts';
import { programsOf } from './create.ts';
import { desiredDestinations, desiredVerdicts, type L4Verdict, type ReaderClass } from './desired.ts';
import { applyDifference } from './difference.ts';
import { type DataplaneEvent, decodeEvent } from './events.ts';
import { type FlowRecord, flowRecord } from './flows.ts';
import { attachNamespace, detachNamespace } from './namespace.ts';
import type { Objects } from './objects.ts';
import { type PairRecord, pairRecord } from './pairs.ts';

/** `paused` has its own calls: it survives a change of settings and the supervisor. */
export interface DataplaneSettings {
  /** Port of the proxy's listener on 127.0.0.1 of each workload's namespace. 0: captured destinations are refused. */
  readonly outboundPort: number;
  /** 0: nothing is promoted. */
  readonly promoteAfterSegments: number;
  /** 0: nothing is redirected. */
  readonly maxQueuedBytes: number;
}

/** How the sockets of a cgroup are treated. */
export interface MemberRecord {
  readonly reader: ReaderClass;
  readonly paused: boolean;
}

export interface Opened {
  /** True when an earlier process had made it. */
  readonly adopted: boolean;
  /** What opening changed in the kernel, a line each. Empty: it was of this build already. */
  readonly changes: readonly string[];
  /** Present when the fast path was asked for and this kernel refuses it: everything goes by TCP, and this says why. */
  readonly fastPathRefusal?: string;
}

/** Depth below the root of cgroup v2: shunt/INSTANCE/workloads/WORKLOAD. */
const WORKLOAD_CGROUP_LEVEL = 4;

/**
 * Less than any firewall waits before it forgets an established connection (nf_conntrack: 5 days, and rarely set to less
 * than a minute), and seldom enough to cost nothing.
 */
export const REFRESH_MS = 10_000;

/** Made by `openDataplane`. All calls are synchronous; use after dispose throws. */
export class Dataplane implements Disposable {
  readonly instance: Instance;
  readonly opened: Opened;
  readonly #objects: Objects;
  readonly #attach: Attach;
  readonly #settings;
  readonly #destinations;
  readonly #verdicts;
  readonly #originals;
  readonly #counters;
  readonly #events;
  /** Of the fast path; undefined when it is not loaded. */
  readonly #members: BpfMap<bigint, Member> | undefined;
  readonly #flows: BpfMap<bigint, Flow> | undefined;
  readonly #pairs;
  readonly #states;
  #raised = false;

  /** For `openDataplane` alone: takes the objects over. */
  constructor(instance: Instance, objects: Objects, attach: Attach, opened: Opened) {
    this.instance = instance;
    this.opened = opened;
    this.#objects = objects;
    this.#attach = attach;
    const capture = objects.object('capture');
    this.#settings = capture.map(maps.settings);
    this.#destinations = capture.map(maps.destinations);
    this.#verdicts = capture.map(maps.verdicts);
    this.#originals = capture.map(maps.originals);
    this.#counters = capture.map(maps.counters);
    this.#events = capture.map(maps.events);
    const fastPath = objects.has('fastpath') ? objects.object('fastpath') : undefined;
    this.#members = fastPath?.map(maps.members);
    this.#flows = fastPath?.map(maps.flows);
    this.#pairs = fastPath?.map(maps.pairs);
    this.#states = fastPath?.map(maps.states);
  }

  /** @throws E_BPF_MAP for a number that does not fit. */
  applySettings(settings: DataplaneSettings): void {
    const { outboundPort, promoteAfterSegments, maxQueuedBytes } = settings;
    const workloadCgroupLevel = WORKLOAD_CGROUP_LEVEL;
    const refreshJiffies = Math.round(REFRESH_MS / jiffyMs());
    this.#writeSettings({ outboundPort, promoteAfterSegments, maxQueuedBytes, workloadCgroupLevel, refreshJiffies });
  }

  /**
   * Cgroup path -> how readers in it are treated; sockets of other cgroups are left alone. Each path must exist. Nothing
   * happens when the fast path is not loaded. Who is paused stays so. Returns how many entries changed.
   * @throws E_SYSCALL, E_BPF_MAP.
   */
  applyMembers(members: ReadonlyMap<string, ReaderClass>): number {
    if (this.#members === undefined) return 0;
    const before = new Map(this.#members.entries());
    const desired = [...members].map(([path, reader]): [bigint, Member] => {
      const id = cgroupId(path);
      return [id, { reader: Reader[reader], paused: before.get(id)?.paused ?? 0 }];
    });
    return this.#changed(applyDifference(this.#members, desired, 'delete-first'));
  }

  /**
   * What is captured and guarded, from the topology. Apply verdicts first: a TCP destination without one is refused.
   * Returns how many entries changed. @throws E_CONFIG, E_BPF_MAP.
   */
  applyDestinations(topology: Topology): number {
    return this.#changed(applyDifference(this.#destinations, desiredDestinations(topology), 'set-first'));
  }

  /**
   * All TCP connections that policy allows; whatever is not listed is refused from now on. A workload without a cgroup is
   * skipped: apply again when it has one. Returns how many entries changed. @throws E_BPF_MAP.
   */
  applyVerdicts(allowed: readonly L4Verdict[]): number {
    const ids = new Map<ResourceKey, bigint | undefined>();
    const idOf = (key: ResourceKey): bigint | undefined => {
      if (!ids.has(key)) ids.set(key, cgroupIdIfThere(workloadCgroup(this.instance, key)));
      return ids.get(key);
    };
    return this.#changed(applyDifference(this.#verdicts, desiredVerdicts(allowed, idOf), 'delete-first'));
  }

  /**
   * Guard and promotion inside a workload's namespace, before its first process starts. May be called again: brings what
   * an earlier build attached up to this one. Returns how many filters changed. @throws E_BPF_ATTACH, E_SYSCALL.
   */
  attachNamespace(path: string): number {
    return attachNamespace(path, this.#objects, this.#attach);
  }

  /** The namespace can be reached directly from then on. False when nothing was attached. @throws as above. */
  detachNamespace(path: string): boolean {
    return detachNamespace(path);
  }

  /** Every message goes by TCP from the next one on, also on connections that are promoted. Capture goes on. */
  pause(): void {
    this.#writeSettings({ paused: 1 });
  }

  resume(): void {
    this.#writeSettings({ paused: 0 });
  }

  isPaused(): boolean {
    return this.#readSettings().paused !== 0;
  }

  /**
   * What the sockets of one member send and receive goes by TCP from the next message on, until {@link resumeMember}; it
   * survives the supervisor. False when that cgroup is no member. @throws E_SYSCALL, E_BPF_MAP.
   */
  pauseMember(cgroup: string): boolean {
    return this.#setMemberPaused(cgroup, 1);
  }

  /** As {@link pauseMember}. */
  resumeMember(cgroup: string): boolean {
    return this.#setMemberPaused(cgroup, 0);
  }

  /** All counters by name (`connect-captured`, `bytes-redirected`, …), since the data plane was created. */
  readCounters(): Record<string, bigint> {
    const sum = (index: number): bigint => (this.#counters.getPerCpu(index) ?? []).reduce((a, b) => a + b, 0n);
    return Object.fromEntries([...COUNTER_NAMES].map(([index, name]) => [name, sum(index)]));
  }

  /** A record a promoted socket that is open; empty when the fast path is not loaded. */
  readFlows(): FlowRecord[] {
    return this.#flows === undefined
      ? []
      : [...this.#flows.entries()].map(([cookie, flow]) => flowRecord(cookie, flow));
  }

  /** What closed connections sent, a record a pair of members; empty when the fast path is not loaded. */
  readClosed(): PairRecord[] {
    return [...(this.#pairs?.entries() ?? [])].map(([key, pair]) => pairRecord(key, pair));
  }

  /** @param fd A descriptor of a socket, of this process. undefined: nothing is known of it. @throws E_BPF_MAP. */
  readSocketState(fd: number): SocketState | undefined {
    return this.#states?.get(fd);
  }

  /**
   * What a captured socket of a member connected to, `address:port`, when policy refuses that by now; undefined: it is
   * allowed, or was not captured, or policy decides elsewhere. @param fd A descriptor of the socket, of this process.
   * @param cgroup The member that connected. @throws E_BPF_MAP, E_SYSCALL.
   */
  refusedDestination(fd: number, cgroup: string): string | undefined {
    const destination = this.#originals.get(fd);
    if (destination === undefined) return undefined;
    const flags = this.#destinations.get(destination)?.flags ?? 0;
    if ((flags & DestinationFlag.L4) === 0) return undefined;
    const verdict = this.#verdicts.get({ cgroupId: cgroupId(cgroup), destination });
    return verdict === Verdict.ALLOW ? undefined : `${ipFromBe(destination.ipBe)}:${swapPort(destination.portBe)}`;
  }

  /** By cgroup id, as the kernel has it; empty when the fast path is not loaded. */
  readMembers(): ReadonlyMap<bigint, MemberRecord> {
    const names = Object.fromEntries(Object.entries(Reader).map(([name, reader]) => [reader, name as ReaderClass]));
    return new Map(
      [...(this.#members?.entries() ?? [])].map(([id, { reader, paused }]) => [
        id,
        { reader: names[reader] ?? 'OFF', paused: paused !== 0 },
      ]),
    );
  }

  readSettings(): Settings {
    return this.#readSettings();
  }

  /** Name -> what it cost since it was loaded, while somebody had it measured (`enableRunStats` in src/bpf/info.ts). */
  readProgramCosts(): Record<string, ProgramCost> {
    const costs = programsOf(this.#objects).map(({ name, fd }) => [name, programCost(fd, `program ${name}`)] as const);
    return Object.fromEntries(costs);
  }

  /**
   * Calls back for each event until disposed; events that nobody read wait in the kernel, 256 KiB of them. One reader at
   * a time. Does not keep the process alive. @throws E_BPF_MAP.
   */
  onEvent(callback: (event: DataplaneEvent) => void): Disposable {
    return new RingReader(this.#events, maps.events.maxEntries, (view, offset) => {
      const event = decodeEvent(view, offset);
      if (event !== undefined) callback(event);
    }).unref();
  }

  /**
   * Where the kernel lets no program of tc promote: promotes each socket that is nominated, and those that were while
   * nobody did, until disposed; nominated sockets speak TCP. Elsewhere nothing. One at a time. Does not keep the process
   * alive. @param onError E_SYSCALL when the kernel could not for want of memory or descriptors: they wait until the next is
   * nominated. Default: it ends the process. @throws E_BPF_ATTACH, E_BPF_MAP, E_SYSCALL.
   */
  promoteNominees(onError?: (error: unknown) => void): Disposable {
    using undo = new DisposableStack();
    if (this.#objects.promotion === 'iterator' && this.#objects.has('fastpath')) {
      const object = this.#objects.object('fastpath');
      const iterator = undo.use(MapIterator.attach(object.program('enter'), object.map(maps.wanted)));
      undo.use(iterator.runOnRecords(object.map(maps.nominations), onError));
      iterator.run();
    }
    return undo.move();
  }

  /** Closes descriptors; all stays attached and pinned. Safe to call twice. */
  [Symbol.dispose](): void {
    this.#objects[Symbol.dispose]();
  }

  #setMemberPaused(cgroup: string, paused: number): boolean {
    const id = cgroupId(cgroup);
    const member = this.#members?.get(id);
    if (this.#members === undefined || member === undefined) return false;
    this.#members.set(id, { ...member, paused });
    this.#raiseEpoch();
    return true;
  }

  /** Linked sockets look again. Also the first time, because an earlier process may have died before it said so. */
  #changed(entries: number): number {
    if (entries > 0 || !this.#raised) this.#raiseEpoch();
    return entries;
  }

  #raiseEpoch(): void {
    this.#raised = true;
    this.#writeSettings({ epoch: (this.#readSettings().epoch + 1) >>> 0 });
  }

  #readSettings(): Settings {
    const settings = this.#settings.get(0);
    if (settings === undefined) throw new RangeError('an array map has no element 0');
    return settings;
  }

  #writeSettings(change: Partial<Settings>): void {
    this.#settings.set(0, { ...this.#readSettings(), ...change });
  }
}

function cgroupIdIfThere(path: string): bigint | undefined {
  try {
    return cgroupId(path);
  } catch {
    return undefined;
  }
}

/**
 * What the supervisor's API answers: the shapes behind `-o json`. Additive changes only within /v1.
 */
import type { ResourceKey } from '../instance.ts';

/** GET /v1/status */
export interface Status {
  readonly instance: string;
  readonly supervisor: { readonly pid: number; readonly startedAt: string; readonly memory: Memory };
  readonly envoy: {
    readonly state: 'starting' | 'ready' | 'restarting' | 'stopped';
    readonly pid?: number;
    /** How often the supervisor had to start it again. */
    readonly restarts: number;
    readonly version?: string;
    readonly memory?: Memory;
  };
  readonly workloads: { readonly total: number; readonly running: number };
  readonly services: number;
  readonly policies: number;
  readonly fastPath: FastPathStatus;
  /** By name, since the dataplane was created; survive the supervisor. */
  readonly counters: Readonly<Record<string, number>>;
  /** What does not work right now, one line each; empty when all is well. */
  readonly problems: readonly string[];
}

/** Memory of a process, bytes. PSS counts a shared page once over all that share it; RSS would count it for each. */
export interface Memory {
  readonly pssBytes: number;
  readonly anonymousBytes: number;
}

export interface FastPathStatus {
  readonly state: 'on' | 'paused' | 'off';
  /** Workloads that are paused of themselves, sorted. */
  readonly pausedWorkloads: readonly string[];
  /** What was learned of workloads, which therefore stay off the fast path; sorted by workload. */
  readonly learned: readonly Learned[];
  /** Sockets that were promoted and made blocking afterwards, so far: their recv(2) may answer EAGAIN. */
  readonly becameBlocking: number;
  readonly messages: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, number>>;
  /** Bytes that went from socket to socket. */
  readonly redirectedBytes: number;
  /** All bytes that promoted sockets sent towards readers that may be redirected to, before promotion included. */
  readonly safeReaderBytes: number;
  /** redirectedBytes / safeReaderBytes; null when nothing was sent. */
  readonly share: number | null;
}

/** A fact about a workload; kept until `shunt forget`. */
export interface Learned {
  readonly workload: string;
  /** `became-blocking`: it made a promoted socket blocking. */
  readonly lesson: 'became-blocking';
  /** ISO 8601. */
  readonly since: string;
}

/** GET /v1/workloads */
export interface WorkloadStatus {
  readonly key: ResourceKey;
  readonly principal: string;
  readonly ip: string;
  readonly state: 'running' | 'exited' | 'waiting' | 'idle';
  readonly adHoc: boolean;
  readonly pids: readonly number[];
  readonly restarts: number;
  readonly fastPath: 'auto' | 'sender-only' | 'off';
  /** True: `shunt pause WORKLOAD`. */
  readonly paused: boolean;
  readonly memory: Memory;
  readonly namespacePath: string;
  readonly cgroup: string;
}

/** GET /v1/flows: one direction of a promoted connection; the sending socket's view. */
export interface Flow {
  /** Socket cookie, decimal. */
  readonly cookie: string;
  readonly from: string;
  readonly to: string;
  readonly local: string;
  readonly remote: string;
  readonly linked: boolean;
  readonly ageMs: number;
  readonly messages: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, number>>;
  /** Redirected bytes / all bytes; null when nothing was sent. */
  readonly share: number | null;
  /** The outcome that most of the other bytes had; absent when all were redirected. */
  readonly mostlyBecause?: string;
  readonly queue: FlowQueue;
}

/** What was redirected and waits to be read at the other end. */
export interface FlowQueue {
  /** Now. Absent: not linked, or the kernel does not count (before 6.12). */
  readonly bytes?: number;
  /** The most so far; or more, where the kernel does not count. */
  readonly peakBytes: number;
  /** Mean time that a byte waited, while somebody had it measured. Absent: never, or nothing was sent then. */
  readonly delayMs?: number;
}

/** GET /v1/connections: established connections that members hold; GET /v1/explain/WHAT: one socket, or both ends. */
export interface ExplainedSocket {
  readonly pid: number;
  readonly fd: number;
  readonly program: string;
  /** Absent: not in the mesh. */
  readonly workload?: string;
  /** Absent: not known. */
  readonly peerWorkload?: string;
  /** Socket cookie, decimal; the same as in {@link Flow}. */
  readonly cookie: string;
  readonly local: string;
  readonly remote: string;
  /** ESTABLISHED, LISTEN, … */
  readonly tcpState: string;
  /** `linked`: both ends are promoted; `waiting`: may be promoted yet; `outside`: the fast path is not for it. */
  readonly phase: 'linked' | 'promoted' | 'waiting' | 'refused' | 'outside';
  /** How long it has been promoted, or refused for this reason. */
  readonly ageMs?: number;
  /** The answer, then details. */
  readonly sentences: readonly string[];
}

/**
 * GET /v1/pairs: sums since the data plane was created; `?cost=SECONDS` has programs and queues measured for so long.
 */
export interface PairsAnswer {
  /** Of an arbitrary clock that never goes back. */
  readonly takenMs: number;
  readonly pairs: readonly PairSums[];
  readonly programs: readonly ProgramSums[];
}

/** What `from` sent to `to` on promoted connections, closed and open. */
export interface PairSums {
  readonly from: string;
  /** Absent: not known, or no workload. */
  readonly to?: string;
  /** Promoted sockets of `from` that are open. */
  readonly open: number;
  readonly messages: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, number>>;
  /** What waits to be read. Absent: not known. */
  readonly queue?: PairQueue;
}

export interface PairQueue {
  /** Now. */
  readonly bytes: number;
  /** While it was measured: sum of the bytes that waited times the time, and what was redirected then. */
  readonly byteSeconds: number;
  readonly measuredBytes: number;
}

/** DELETE /v1/pcap. GET /v1/pcap?flow=FLOW&snap=BYTES&size=BYTES answers with a pcapng file while the capture lasts. */
export interface PcapSummary {
  readonly packets: number;
  /** Packets that are not in the file: they came faster than they were taken. */
  readonly lost: number;
  readonly fileBytes: number;
}

/** Cost of a BPF program while it was measured. */
export interface ProgramSums {
  readonly name: string;
  readonly runs: number;
  readonly runTimeNs: number;
}

/** Body of POST /v1/apply and /v1/plan. */
export interface ApplyRequest {
  readonly sources: readonly { readonly file: string; readonly text: string }[];
}

/** Answer of POST /v1/apply and /v1/plan: one line a change, empty when the machine is as wanted. */
export interface ApplyResult {
  readonly changes: readonly string[];
}

/** Body of POST /v1/workloads: an ad-hoc workload; the caller runs its command. */
export interface AdHocRequest {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What will run in it, by which a program that splices is recognised. Absent: not known. */
  readonly command?: readonly string[];
}

/** Answer of POST /v1/workloads. */
export interface AdHocResult {
  readonly key: ResourceKey;
  readonly ip: string;
  /** How the command must be started. */
  readonly splice: 'refused' | 'allowed';
}

/** POST /v1/down */
export interface DownRequest {
  /** Refused with E_USAGE when something is applied. */
  readonly unlessApplied?: boolean;
}

/** Body of POST /v1/pause and /v1/resume. */
export interface PauseRequest {
  /** NAMESPACE/NAME. Absent: all; who is paused of itself stays so. */
  readonly workload?: string;
}

/** Body of POST /v1/forget. */
export interface ForgetRequest {
  /** NAMESPACE/NAME. Absent: all. */
  readonly workload?: string;
}

/** Body of every answer that is not 2xx. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
}

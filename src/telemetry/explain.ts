/** One socket's place on the way to the fast path, in sentences. */
import type { ReaderClass } from '../dataplane/desired.ts';
import type { FlowRecord } from '../dataplane/flows.ts';
import type { QueueRecord } from '../dataplane/queues.ts';
import { Counter, Outcome, Phase, type SocketState } from '../generated/abi.ts';
import { mostlyBecause, OUTCOME_MEANINGS, OUTCOME_NAMES } from './outcomes.ts';
import { meanDelayMs } from './queue-sums.ts';

/** What is known of a socket and of what decides about it. */
export interface SocketFacts {
  readonly pid: number;
  readonly program: string;
  readonly protocol: 'tcp' | 'mptcp';
  /** ESTABLISHED, LISTEN, … */
  readonly tcpState: string;
  readonly segmentsIn: number;
  readonly nonBlocking: boolean;
  /** How readers in its cgroup are treated; undefined: it is no member's. */
  readonly reader: ReaderClass | undefined;
  /** True: `shunt pause WORKLOAD`. */
  readonly workloadPaused: boolean;
  /** True: it was learned that its workload makes promoted sockets blocking. */
  readonly learnedBlocking: boolean;
  /** undefined: the kernel's programs never looked at it. */
  readonly state: SocketState | undefined;
  readonly flow: FlowRecord | undefined;
  /** What it sent and its peer has not read. undefined: not linked, or the kernel does not count. */
  readonly queue: QueueRecord | undefined;
  readonly peerWorkload: string | undefined;
  readonly fastPath: { readonly enabled: boolean; readonly paused: boolean; readonly promoteAfterSegments: number };
  /** CLOCK_MONOTONIC. */
  readonly nowNs: bigint;
}

/** `linked`: promoted, and its peer too. `waiting`: may still be promoted. */
export type SocketPhase = 'linked' | 'promoted' | 'waiting' | 'refused' | 'outside';

export interface SocketStory {
  readonly phase: SocketPhase;
  /** For how long it has been so, for this reason; undefined: not known. */
  readonly ageMs: number | undefined;
  /** The first is the answer, the others are details. */
  readonly sentences: readonly [string, ...string[]];
}

const NS_PER_MS = 1_000_000n;

export function explainSocket(facts: SocketFacts): SocketStory {
  const { state, nowNs } = facts;
  const ageMs = state === undefined || state.sinceNs === 0n ? undefined : Number((nowNs - state.sinceNs) / NS_PER_MS);
  const isPromoted = state?.phase === Phase.LINKED || state?.phase === Phase.PROMOTED;
  if (isPromoted) {
    return {
      phase: state.phase === Phase.LINKED ? 'linked' : 'promoted',
      ageMs: facts.flow === undefined ? ageMs : Number((nowNs - facts.flow.promotedNs) / NS_PER_MS),
      sentences: promoted(facts, state),
    };
  }
  const outside = whyOutside(facts);
  if (outside !== undefined) return { phase: 'outside', ageMs: undefined, sentences: [outside] };
  if (facts.protocol === 'mptcp') {
    return { phase: 'refused', ageMs, sentences: ['refused: it is an MPTCP connection'] };
  }
  if (state?.phase === Phase.WANTED) {
    const sentence =
      'may be promoted: waits for the supervisor to enter it in the socket hash, as on this kernel only it may';
    return { phase: 'waiting', ageMs: undefined, sentences: [sentence] };
  }
  if (state === undefined || state.sinceNs === 0n) return { phase: 'waiting', ageMs, sentences: notLookedAt(facts) };
  const reason = refusalOf(facts, state);
  if (state.phase === Phase.REFUSED) return { phase: 'refused', ageMs, sentences: [`refused for good: ${reason}`] };
  const again = `looked at again after ${state.lookAgainSegments} segments; it has received ${facts.segmentsIn}`;
  return { phase: 'waiting', ageMs, sentences: [`refused so far: ${reason}`, again] };
}

function whyOutside({ fastPath, reader, tcpState, learnedBlocking }: SocketFacts): string | undefined {
  if (!fastPath.enabled) return 'the fast path is off in this mesh';
  if (reader === undefined) return 'not in the mesh: it belongs to no workload';
  if (learnedBlocking)
    return 'its workload makes promoted sockets blocking, so it stays off the fast path (shunt forget)';
  if (reader === 'OFF') return 'the fast path is off for this workload (spec.fastPath)';
  if (tcpState !== 'ESTABLISHED') return `it is in state ${tcpState}: only established connections are promoted`;
  return undefined;
}

function notLookedAt({ fastPath, workloadPaused, segmentsIn, state }: SocketFacts): [string, ...string[]] {
  if (state?.vetoed) return [`will be refused: ${optionName(state.vetoed)} was set`];
  if (fastPath.paused) return ['not promoted: the fast path is paused'];
  if (workloadPaused) return ['not promoted: its workload is paused (shunt resume)'];
  const { promoteAfterSegments } = fastPath;
  if (promoteAfterSegments === 0) return ['not promoted: promoteAfterSegments is 0'];
  if (segmentsIn < promoteAfterSegments) {
    return [`not yet: ${segmentsIn} of ${promoteAfterSegments} segments received`];
  }
  return [
    'not looked at yet: the next segment that comes to it by lo or eth0 of its namespace decides',
    `it has received ${segmentsIn} segments, ${promoteAfterSegments} are enough`,
  ];
}

function refusalOf({ program, pid, peerWorkload }: SocketFacts, state: SocketState): string {
  const who = `(${program}, pid ${pid})`;
  switch (state.refusal) {
    case Counter.REFUSED_BLOCKING:
      return `the reader blocks: its socket is not O_NONBLOCK ${who}`;
    case Counter.REFUSED_EDGE:
      return `the reader waits edge-triggered and is not known to read until EAGAIN ${who}`;
    case Counter.REFUSED_WAITING:
      return `the reader was not seen waiting level-triggered, by epoll, poll or select ${who}`;
    case Counter.REFUSED_MPTCP:
      return 'it is part of an MPTCP connection';
    case Counter.REFUSED_ULP:
      return 'it has an upper-layer protocol, for example TLS in the kernel';
    case Counter.REFUSED_OPTION:
      return state.vetoed
        ? `${optionName(state.vetoed)} was set`
        : 'SO_RCVLOWAT, SO_ZEROCOPY, SO_OOBINLINE, SO_PEEK_OFF, SO_TIMESTAMP(ING), SO_MAX_PACING_RATE, TCP_INQ, TCP_REPAIR or a filter is set';
    case Counter.REFUSED_PEER:
      return peerRefusal(state, peerWorkload);
    case Counter.REFUSED_FULL:
      return 'the table of promoted sockets is full';
    case Counter.REFUSED_COOKIE:
      return 'the kernel gave it no cookie';
    default:
      return 'it was about to close';
  }
}

/** A socket is promoted together with its peer, or not at all. */
function peerRefusal({ peerCgroupId, peerRefusal }: SocketState, peerWorkload: string | undefined): string {
  if (peerCgroupId === 0n)
    return 'the other end is of no workload or proxy of this node, or received too few segments yet';
  const peer = peerWorkload === undefined ? 'the other end' : `the other end, of ${peerWorkload},`;
  if (peerRefusal === 0) return `${peer} may be promoted, and is yet to be looked at again`;
  if (peerRefusal === Outcome.OPTION) return `${peer} has an option or a protocol that redirects would break`;
  return `${peer} is not promoted: ${OUTCOME_MEANINGS[peerRefusal]}`;
}

function promoted(facts: SocketFacts, state: SocketState): [string, ...string[]] {
  const { flow, queue, fastPath, nonBlocking, program, pid } = facts;
  const peer = facts.peerWorkload === undefined ? 'the peer' : `the peer, of ${facts.peerWorkload},`;
  const details: string[] = [];
  if (fastPath.paused) details.push('the fast path is paused: every message goes by TCP now');
  if (facts.workloadPaused) details.push('its workload is paused: every message goes by TCP now (shunt resume)');
  if (state.standing === Outcome.POLICY) details.push(`its messages go by TCP: ${OUTCOME_MEANINGS[Outcome.POLICY]}`);
  if (state.vetoed) details.push(`${optionName(state.vetoed)} was set after the promotion: its messages go by TCP`);
  if (!nonBlocking) {
    details.push(`it was made blocking after the promotion: recv(2) may answer EAGAIN (${program}, pid ${pid})`);
  }
  if (state.phase !== Phase.LINKED) {
    const why =
      state.refusal === Counter.REFUSED_SEQUENCE
        ? 'the two ends did not prove to be one connection'
        : OUTCOME_MEANINGS[state.peerRefusal || Outcome.UNLINKED];
    return [`promoted, but ${peer} is not: ${why}`, ...sent(flow), ...details];
  }
  return [`promoted; ${peer} is too`, ...sent(flow), ...waiting(flow, queue), ...details];
}

function sent(flow: FlowRecord | undefined): string[] {
  if (flow === undefined) return ['what it sends is counted in the sums only'];
  const all = flow.bytes.reduce((sum, count) => sum + count, 0);
  if (all === 0) return ['it has sent nothing yet'];
  const share = ((flow.bytes[Outcome.REDIRECTED] ?? 0) / all) * 100;
  const because = mostlyBecause(flow.bytes);
  const rest = because === undefined ? '' : `; most of the rest: ${OUTCOME_MEANINGS[OUTCOME_NAMES.indexOf(because)]}`;
  return [`sends are redirected: ${share.toFixed(1)} % of ${all} bytes${rest}`];
}

function waiting(flow: FlowRecord | undefined, queue: QueueRecord | undefined): string[] {
  if (flow === undefined || !flow.bytes[Outcome.REDIRECTED]) return [];
  const delayMs = queue && meanDelayMs(queue);
  const now = queue === undefined ? [] : [`${queue.queuedBytes} redirected bytes wait to be read`];
  const delay = delayMs === undefined ? [] : [`each waits ${(delayMs * 1000).toFixed(0)} us on average`];
  return [[...now, ...delay, `at most ${flow.queuedPeakBytes} bytes waited at once`].join('; ')];
}

/** Of two levels; those of TCP whose number is another one’s of sockets have their level before it. */
const OPTION_NAMES: Readonly<Record<number, string>> = {
  10: 'SO_OOBINLINE',
  18: 'SO_RCVLOWAT',
  19: 'TCP_REPAIR',
  26: 'SO_ATTACH_FILTER',
  29: 'SO_TIMESTAMP',
  31: 'TCP_ULP',
  35: 'SO_TIMESTAMPNS',
  36: 'TCP_INQ',
  37: 'SO_TIMESTAMPING',
  42: 'SO_PEEK_OFF',
  47: 'SO_MAX_PACING_RATE',
  50: 'SO_ATTACH_BPF',
  60: 'SO_ZEROCOPY',
  63: 'SO_TIMESTAMP',
  64: 'SO_TIMESTAMPNS',
  65: 'SO_TIMESTAMPING',
  [(6 << 16) | 35]: 'TCP_ZEROCOPY_RECEIVE',
  [(6 << 16) | 37]: 'TCP_TX_DELAY',
};

function optionName(number: number): string {
  return OPTION_NAMES[number] ?? `option ${number}`;
}

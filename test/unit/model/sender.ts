/** A thread that writes: tcp_sendmsg, tcp_bpf_sendmsg, and message_outcome() of fastpath_message.h, one read a step. */
import type { Outcome } from '../../../src/generated/abi.ts';
import type { Step } from './explorer.ts';
import { waitingOf } from './network.ts';
import type { Rules, Scenario } from './rules.ts';
import { type State, type Writer, type WriterAt, wake } from './state.ts';

type OutcomeName = Exclude<keyof typeof Outcome, 'COUNT'>;

/** What message_outcome and reader_outcome read, in this order, and the outcomes that follow from it. */
export const READS: readonly (readonly [WriterAt, readonly OutcomeName[]])[] = [
  ['settings', ['PAUSED']],
  ['phase', ['UNLINKED']],
  ['standing', ['POLICY', 'OPTION', 'PAUSED']],
  ['cookie', ['STALE_PEER']],
  ['nonblocking', ['READER_REFUSED', 'READER_BLOCKING']],
  ['waiting', ['READER_UNKNOWN', 'READER_EDGE']],
  ['copied_seq', ['HANDOVER']],
  ['queue', ['CREDIT', 'REFRESH', 'TCP_ONLY']],
  ['redirect', ['FAILED']],
];

const LETTERS = ['abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'] as const;

function withWriter(state: State, index: number, writer: Writer): State {
  return { ...state, writers: state.writers.map((other, at) => (at === index ? writer : other)) };
}

function thread(state: State, index: number): string {
  return state.writers.length === 1 ? 'sender' : `sender’s thread ${index + 1}`;
}

/** tcp_bpf_push(): merged with the read that decided it, because a later push is the push of a slower thread. */
function byTcp(state: State, index: number, outcome: OutcomeName): Step<State> {
  const { message } = state.writers[index]!;
  const idle = withWriter(state, index, { at: 'idle', message: '' });
  return {
    name: `${thread(state, index)}: outcome ${outcome}, ${message} goes by TCP`,
    to: { ...idle, flight: `${idle.flight}${message}|`, writeSeq: idle.writeSeq + message.length },
  };
}

function* write(state: State, index: number, scenario: Scenario): Generator<Step<State>> {
  const isLocked = state.writers.some(({ at }) => at !== 'idle' && at !== 'ingress');
  if (isLocked || state.messagesLeft === 0 || state.ended) return;
  for (let bytes = 1; bytes <= scenario.messageBytes; bytes++) {
    const first = state.sent[index]!;
    const message = LETTERS[index]!.slice(first, first + bytes);
    const sent = state.sent.map((count, at) => (at === index ? count + bytes : count));
    const begun = { ...state, sent, messagesLeft: state.messagesLeft - 1 };
    const to = withWriter(begun, index, { at: 'settings', message });
    if (state.senderPromoted) yield { name: `${thread(state, index)}: writes ${message}, tcp_bpf_sendmsg`, to };
    else yield byTcp(to, index, 'BEFORE_PROMOTION');
  }
}

/** reader_outcome(), in its two parts. REDIRECTED: none of its refusals. */
function nonblockingOutcome(state: State, scenario: Scenario, rules: Rules): OutcomeName {
  if (scenario.member === 'never') return 'READER_REFUSED';
  return state.kind === 'blocking' && rules.blocking ? 'READER_BLOCKING' : 'REDIRECTED';
}

function waitingOutcome(state: State, scenario: Scenario, rules: Rules): [OutcomeName, peerSeenLevel: boolean] {
  if (scenario.member === 'greedy') return ['REDIRECTED', state.peerSeenLevel];
  const refused = (outcome: OutcomeName): OutcomeName =>
    rules.oneQueue && state.psock !== '' ? 'REDIRECTED' : outcome;
  const waiting = waitingOf(state);
  if (waiting === 'LEVEL') return ['REDIRECTED', true];
  if (waiting === 'EDGE') return [rules.edge ? refused('READER_EDGE') : 'REDIRECTED', false];
  if (waiting === 'UNSEEN' && state.peerSeenLevel) return ['REDIRECTED', true];
  return [state.kind === 'blocking' && !rules.blocking ? 'REDIRECTED' : refused('READER_UNKNOWN'), false];
}

function creditOutcome(state: State, bytes: number, scenario: Scenario, rules: Rules): OutcomeName {
  const { queuedBytes } = state;
  if (rules.credit && (scenario.credit === 0 || (queuedBytes > 0 && queuedBytes + bytes > scenario.credit)))
    return 'CREDIT';
  if (rules.receiveBuffer && queuedBytes + bytes > (scenario.receiveBuffer ?? Number.POSITIVE_INFINITY))
    return 'CREDIT';
  return 'REDIRECTED';
}

/** Since the epoch was raised, or the pause was set, every later message must see it. */
function isStopped({ paused, stopped, unraised }: State): boolean {
  return paused || (stopped && !unraised);
}

/** The read that comes next, and what follows from it. */
function* verdict(state: State, index: number, scenario: Scenario, rules: Rules): Generator<Step<State>> {
  const { at, message } = state.writers[index]!;
  const after = READS[READS.findIndex(([read]) => read === at) + 1]?.[0] ?? 'ingress';
  const decide = (outcome: OutcomeName, what: string, changed: State = state, next: WriterAt = after): Step<State> =>
    outcome === 'REDIRECTED'
      ? { name: `${thread(state, index)}: ${what}`, to: withWriter(changed, index, { at: next, message }) }
      : byTcp(changed, index, outcome);

  switch (at) {
    case 'settings':
      if (rules.alone && state.writers.some((writer) => writer.at === 'ingress')) {
        yield decide('REDIRECTED', 'sees that another thread redirects', state, 'redirect');
      } else {
        yield decide(state.paused && rules.pause ? 'PAUSED' : 'REDIRECTED', 'is not paused');
      }
      break;
    case 'phase':
      yield decide(state.linked ? 'REDIRECTED' : 'UNLINKED', 'is linked');
      break;
    case 'standing': {
      const renewed = state.stale && rules.epoch ? { ...state, stale: false, standing: state.stopped } : state;
      const outcome = renewed.standing ? (scenario.standing ?? 'PAUSED') : 'REDIRECTED';
      yield decide(outcome, 'finds that nothing lasting stands against it', renewed);
      break;
    }
    case 'cookie':
      yield decide(state.at === 'closed' ? 'STALE_PEER' : 'REDIRECTED', 'finds the peer by its cookie');
      break;
    case 'nonblocking':
      yield decide(nonblockingOutcome(state, scenario, rules), 'sees that the reader does not block');
      break;
    case 'waiting': {
      const [outcome, peerSeenLevel] = waitingOutcome(state, scenario, rules);
      yield decide(outcome, `sees how the reader waits (${waitingOf(state)})`, { ...state, peerSeenLevel });
      break;
    }
    case 'copied_seq': {
      const isRead = state.copiedSeq === state.writeSeq && !(rules.fresh && state.copiedSeq === state.linkedSeq);
      yield decide(isRead || !rules.handover ? 'REDIRECTED' : 'HANDOVER', 'sees all TCP bytes read');
      break;
    }
    case 'queue': {
      const since = state.psock === '' ? 0 : state.queuedBytes;
      const seen = { ...state, queuedBytes: scenario.counted ? state.psock.length : since };
      yield decide(creditOutcome(seen, message.length, scenario, rules), 'has credit', seen);
      if (scenario.memoryShort) yield byTcp(seen, index, 'CREDIT');
      if (scenario.refresh) yield byTcp(seen, index, 'REFRESH');
      if (scenario.refresh) yield byTcp(seen, index, 'TCP_ONLY');
      break;
    }
    default: {
      const found = state.reader === 'promoted' && state.at !== 'closed';
      yield decide(found ? 'REDIRECTED' : 'FAILED', 'outcome REDIRECTED, lets its lock go', {
        ...state,
        queuedBytes: found ? state.queuedBytes + message.length : state.queuedBytes,
        redirectedPaused: state.redirectedPaused + (found && isStopped(state) ? 1 : 0),
      });
    }
  }
}

/** bpf_tcp_ingress(), under the reader's lock. A reader that is gone gets nothing. */
function ingress(state: State, index: number): Step<State> {
  const { message } = state.writers[index]!;
  const idle = withWriter(state, index, { at: 'idle', message: '' });
  const isGone = state.at === 'closed' || state.reader !== 'promoted';
  const to = isGone ? idle : wake({ ...idle, psock: idle.psock + message });
  return { name: `${thread(state, index)}: bpf_tcp_ingress puts ${message} into the redirected queue`, to };
}

/** Whatever the threads that write may do next. */
export function sender(state: State, scenario: Scenario, rules: Rules): Step<State>[] {
  const steps: Step<State>[] = [];
  for (const [index, { at }] of state.writers.entries()) {
    if (at === 'idle') steps.push(...write(state, index, scenario));
    else if (at !== 'ingress') steps.push(...verdict(state, index, scenario, rules));
    else if (!state.locked) steps.push(ingress(state, index));
  }
  if (scenario.end !== undefined && !state.ended && state.writers.every(({ at }) => at === 'idle')) {
    const mark = scenario.end === 'reset' ? '!' : '.';
    const to = { ...state, ended: true, flight: `${state.flight}${mark}|`, writeSeq: state.writeSeq + 1 };
    steps.push({ name: `sender: ends the connection by ${scenario.end} (${mark})`, to });
  }
  return steps;
}

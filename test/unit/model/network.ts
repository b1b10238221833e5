/** What softirq does: segments, the timer, promotion. */
import type { Step } from './explorer.ts';
import type { Rules, Scenario } from './rules.ts';
import { isPolling, type State, wake } from './state.ts';

/** socket_waiting() of waiting.h. */
export function waitingOf(state: State): 'UNSEEN' | 'LEVEL' | 'EDGE' | 'UNKNOWN' {
  switch (state.kind) {
    case 'edge-greedy':
    case 'edge-short':
      return 'EDGE';
    case 'poll':
      return isPolling(state) ? 'LEVEL' : 'UNSEEN';
    case 'oneshot':
      return state.armed ? 'LEVEL' : 'UNSEEN';
    case 'blocking':
      return state.at === 'asleep' ? 'UNKNOWN' : 'UNSEEN';
    default:
      return 'LEVEL';
  }
}

/** tcp_try_rmem_schedule(): redirected bytes count, and TCP cannot see them when it tells the sender its window. */
function hasRoom(state: State, scenario: Scenario): boolean {
  const { receiveBuffer = Number.POSITIVE_INFINITY } = scenario;
  return state.psock === '' || state.psock.length + state.receive.length <= receiveBuffer;
}

/** tcp_data_queue() of one segment, which may be dropped. */
export function dataQueue(state: State, segment: string, scenario: Scenario): State {
  if (state.at === 'closed') return state;
  if (!hasRoom(state, scenario)) return { ...state, flight: `${segment}|${state.flight}`, held: true };
  return wake({ ...state, receive: state.receive + segment });
}

function* segments(state: State, scenario: Scenario): Generator<Step<State>> {
  if (state.flight === '') return;
  const length = state.flight.indexOf('|');
  const segment = state.flight.slice(0, length);
  const rest = { ...state, flight: state.flight.slice(length + 1), held: false };
  if (state.held && !hasRoom(state, scenario)) return;
  const timer = state.held ? 'the timer fires, ' : '';
  if (state.locked) {
    yield {
      name: `softirq: ${timer}${segment} arrives in the backlog`,
      to: { ...rest, backlog: `${state.backlog}${segment}|` },
    };
    return;
  }
  const to = dataQueue(rest, segment, scenario);
  const what = to.held ? 'is dropped by tcp_data_queue, the receive buffer is full' : 'arrives in TCP’s queue';
  yield { name: `softirq: ${timer}${segment} ${what}`, to };
}

/** May the reader enter `sockets`? reader_refusal() of fastpath_promotion.h. */
function isRefused(state: State, scenario: Scenario, rules: Rules): boolean {
  if (rules.blocking && state.kind === 'blocking') return true;
  if (scenario.member === 'greedy' || !rules.edge) return false;
  return waitingOf(state) !== 'LEVEL' && !(state.kind === 'blocking' && !rules.blocking);
}

function* promotion(state: State, scenario: Scenario, rules: Rules): Generator<Step<State>> {
  if (!state.senderPromoted && !state.paused && !state.ended) {
    yield { name: 'promote: the sender enters sockets', to: { ...state, senderPromoted: true } };
  }
  if (state.reader === 'new' && !state.paused && state.at !== 'closed' && !isRefused(state, scenario, rules)) {
    const seenLevel = waitingOf(state) === 'LEVEL';
    yield { name: 'promote: reader_refusal finds nothing', to: { ...state, reader: 'looked', seenLevel } };
  }
  if (state.reader === 'looked' && state.at !== 'closed') {
    yield { name: 'promote: the reader enters sockets', to: { ...state, reader: 'promoted' } };
  }
  if (state.reader === 'promoted' && state.senderPromoted && !state.linked && state.at !== 'closed') {
    const to = { ...state, linked: true, peerSeenLevel: state.seenLevel, linkedSeq: state.copiedSeq };
    yield { name: 'promote: socket_link', to };
  }
  if (!rules.liveKeys && state.reader === 'promoted' && !state.locked) {
    yield { name: 'somebody: bpf_map_delete_elem of the reader’s key', to: { ...state, reader: 'deleted', psock: '' } };
  }
}

export function softirq(state: State, scenario: Scenario, rules: Rules): Step<State>[] {
  return [...segments(state, scenario), ...promotion(state, scenario, rules)];
}

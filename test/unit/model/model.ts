/** The whole: who may step next, and what must hold in every state. */
import type { Model, Step } from './explorer.ts';
import { softirq } from './network.ts';
import { reader } from './reader.ts';
import type { Rules, Scenario } from './rules.ts';
import { sender } from './sender.ts';
import { isReadable, keyOf, type State, startOf } from './state.ts';

/** What must hold in every state. */
export const INVARIANTS = {
  order: 'Bytes are read in the order in which one thread wrote them.',
  lost: 'Every byte is read once, or is still somewhere.',
  stall: 'Who sleeps while there is something to read is about to be woken.',
  stuck: 'When nobody can take a step any more, everything was read, or the reader stopped.',
  late: 'Nothing to read while bytes wait for a timer.',
  bounded: 'Unread redirected bytes are within the larger of the credit and one message for each thread that writes.',
  paused:
    'After a pause, or a change of members, policy or options, each thread redirects at most the message that was being decided.',
} as const;
export type Invariant = keyof typeof INVARIANTS;

function isAsleep(state: State): boolean {
  if (state.at === 'asleep') return reader(state, SLEEPER) === undefined;
  return state.at === 'wait' && state.kind !== 'blocking' && state.kind !== 'poll' && !state.ready;
}
const SLEEPER: Scenario = { reader: 'level', messages: 0, messageBytes: 0, credit: 0, bufferBytes: 1 };

function isWakeUnderWay(state: State): boolean {
  return (
    (state.flight !== '' && !state.held) || state.backlog !== '' || state.writers.some(({ at }) => at === 'ingress')
  );
}

function isLost(state: State): boolean {
  if (state.at === 'closed') return false;
  const queues = state.flight + state.backlog + state.receive + state.psock;
  const held = queues.replaceAll(/[^A-Za-z]/g, '').length + sum(state.writers.map(({ message }) => message.length));
  return held + sum(state.read) !== sum(state.sent);
}

function hasStopped({ at }: State): boolean {
  return at === 'stopped' || at === 'closed' || at === 'ended';
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function boundOf({ credit, messageBytes, writers = 1 }: Scenario): number {
  return Math.max(credit, messageBytes) + (writers - 1) * messageBytes;
}

function broken(
  state: State,
  isLast: boolean,
  scenario: Scenario,
  except: readonly Invariant[],
): Invariant | undefined {
  if (state.reordered) return 'order';
  if (isLost(state)) return 'lost';
  if (isAsleep(state) && !isWakeUnderWay(state)) {
    if (isReadable(state)) return 'stall';
    if (state.held) return 'late';
  }
  if (isLast && !hasStopped(state) && sum(state.read) !== sum(state.sent)) return 'stuck';
  if (state.psock.length > boundOf(scenario) && !except.includes('bounded')) return 'bounded';
  if (state.redirectedPaused > state.writers.length && !except.includes('paused')) return 'paused';
  return undefined;
}

function* outside(state: State, scenario: Scenario): Generator<Step<State>> {
  if (state.pausesLeft > 0) {
    const to = { ...state, paused: !state.paused, pausesLeft: state.pausesLeft - 1, redirectedPaused: 0 };
    yield { name: state.paused ? 'shunt: resume' : 'shunt: pause', to };
  }
  if (state.changesLeft > 0 && !state.unraised) {
    const to = { ...state, stopped: !state.stopped, changesLeft: state.changesLeft - 1, unraised: true };
    yield { name: `shunt: changes a map (${state.stopped ? 'redirects may go on' : 'no redirects'})`, to };
  }
  if (state.unraised) {
    yield { name: 'shunt: raises the epoch', to: { ...state, unraised: false, stale: true, redirectedPaused: 0 } };
  }
  if (!state.eventLeft || (state.at !== 'wait' && state.at !== 'call')) return;
  const past = { ...state, eventLeft: false };
  switch (scenario.event) {
    case 'reader stops':
      yield { name: 'reader: stops reading', to: { ...past, at: 'stopped' } };
      break;
    case 'reader closes':
      yield { name: 'reader: closes', to: { ...past, at: 'closed', receive: '', psock: '' } };
      break;
    case 'reader becomes edge-short':
      // EPOLL_CTL_MOD looks at once whether there is something to read.
      yield {
        name: 'reader: epoll_ctl adds EPOLLET',
        to: { ...past, kind: 'edge-short', armed: true, ready: isReadable(state) },
      };
      break;
    case 'reader becomes blocking':
      yield { name: 'reader: fcntl clears O_NONBLOCK', to: { ...past, kind: 'blocking', ready: false } };
      break;
  }
}

/** `except`: of `bounded` and `paused`, those that need not hold. */
export function fastPath(scenario: Scenario, rules: Rules, except: readonly Invariant[] = []): Model<State> {
  return {
    start: startOf(scenario),
    key: keyOf,
    broken: (state, isLast) => broken(state, isLast, scenario, except),
    steps(state) {
      const read = reader(state, scenario);
      return [
        ...(read === undefined ? [] : [read]),
        ...sender(state, scenario, rules),
        ...softirq(state, scenario, rules),
        ...outside(state, scenario),
      ];
    },
  };
}

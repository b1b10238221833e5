/** The thread that reads: epoll, poll, and recv as tcp_recvmsg() and tcp_bpf_recvmsg() do it. */
import type { Step } from './explorer.ts';
import { dataQueue } from './network.ts';
import type { Scenario } from './rules.ts';
import { isReadable, type State } from './state.ts';

const END = /[.!]/;

/** Bytes that recv returns: they must be the next ones of their thread. */
function take(state: State, bytes: string): State {
  const read = [...state.read];
  let { reordered } = state;
  for (const letter of bytes) {
    const thread = letter >= 'a' ? 0 : 1;
    const expected = read[thread]!++;
    if (letter.charCodeAt(0) !== (thread === 0 ? 97 : 65) + expected) reordered = true;
  }
  return { ...state, read, reordered, result: bytes.length };
}

function copyFromTcp(state: State, scenario: Scenario): Step<State> {
  const { receive } = state;
  if (END.test(receive.charAt(0))) {
    return { name: 'reader: tcp_recvmsg returns the end', to: { ...state, at: 'ended', receive: '', result: -1 } };
  }
  if (receive === '') {
    if (state.kind === 'blocking')
      return { name: 'reader: tcp_recvmsg waits for TCP’s queue', to: { ...state, at: 'asleep' } };
    return { name: 'reader: tcp_recvmsg says EAGAIN', to: { ...state, at: 'unlock', locked: true, result: 0 } };
  }
  const end = receive.search(END);
  const bytes = receive.slice(0, Math.min(scenario.bufferBytes, end < 0 ? receive.length : end));
  const taken = take({ ...state, receive: receive.slice(bytes.length) }, bytes);
  return {
    name: `reader: tcp_recvmsg locks, copies ${bytes}`,
    to: { ...taken, at: 'unlock', locked: true, held: false, copiedSeq: state.copiedSeq + bytes.length },
  };
}

function copyFromPsock(state: State, scenario: Scenario): Step<State> {
  const bytes = state.psock.slice(0, scenario.bufferBytes);
  if (bytes !== '') {
    const taken = take({ ...state, psock: state.psock.slice(bytes.length) }, bytes);
    return { name: `reader: tcp_bpf_recvmsg locks, copies ${bytes}`, to: { ...taken, at: 'unlock', locked: true } };
  }
  // tcp_msg_wait_data() says yes at once after a FIN or a reset.
  if (END.test(state.receive)) {
    return {
      name: 'reader: tcp_bpf_recvmsg hands over to tcp_recvmsg',
      to: { ...state, at: 'recv', call: 'tcp_recvmsg' },
    };
  }
  if (state.kind === 'blocking') return { name: 'reader: tcp_bpf_recvmsg waits', to: { ...state, at: 'asleep' } };
  return { name: 'reader: tcp_bpf_recvmsg says EAGAIN', to: { ...state, at: 'unlock', locked: true, result: 0 } };
}

/** Where the program goes after recv. */
function nextAt({ kind, result }: State, bufferBytes: number): State['at'] {
  switch (kind) {
    case 'level-drain':
    case 'edge-greedy':
      return result === 0 ? 'wait' : 'call';
    case 'edge-short':
      return result < bufferBytes ? 'wait' : 'call';
    case 'oneshot':
      return 'rearm';
    default:
      return 'wait';
  }
}

/** release_sock(): the backlog is processed before the lock is free. */
function unlock(state: State, scenario: Scenario): Step<State> {
  let to: State = {
    ...state,
    backlog: '',
    locked: false,
    at: nextAt(state, scenario.bufferBytes),
    call: '',
    result: 0,
  };
  for (const segment of state.backlog.split('|')) if (segment !== '') to = dataQueue(to, segment, scenario);
  return { name: 'reader: release_sock', to };
}

/** tcp_poll() found something. Only a level-triggered epoll keeps it on the ready list. */
function told(state: State): Step<State> {
  const to = { ...state, at: 'call', ready: state.kind.startsWith('level'), armed: state.kind !== 'oneshot' } as const;
  return { name: 'reader: is told that there is something to read', to };
}

/** The one thing that the reader's thread does next; undefined: it sleeps, waits for a lock, or has ended. */
export function reader(state: State, scenario: Scenario): Step<State> | undefined {
  switch (state.at) {
    case 'wait':
      if (state.kind === 'blocking') return { name: 'reader: calls recv', to: { ...state, at: 'call' } };
      if (state.kind === 'poll')
        return { name: 'reader: poll enters the wait queue', to: { ...state, at: 'rcv?', ready: false } };
      if (!state.ready) return undefined;
      return {
        name: 'reader: epoll_wait takes the socket off the ready list',
        to: { ...state, at: 'rcv?', ready: false },
      };
    case 'rcv?':
      if (state.receive !== '') return told(state);
      return { name: 'reader: tcp_poll finds TCP’s queue empty', to: { ...state, at: 'psock?' } };
    case 'psock?':
      if (state.psock !== '') return told(state);
      return {
        name: 'reader: tcp_poll finds the redirected queue empty',
        to: { ...state, at: state.kind === 'poll' ? 'asleep' : 'wait' },
      };
    case 'asleep':
      return asleep(state);
    case 'call': {
      const call = state.reader === 'promoted' ? 'tcp_bpf_recvmsg' : 'tcp_recvmsg';
      return { name: `reader: recv is about to enter ${call}`, to: { ...state, at: 'recv', call } };
    }
    case 'recv':
      if (state.call === 'tcp_recvmsg') return copyFromTcp(state, scenario);
      return {
        name: `reader: tcp_bpf_recvmsg sees TCP’s queue ${state.receive === '' ? 'empty' : 'filled'}`,
        to: { ...state, at: state.receive === '' ? 'recv psock' : 'recv psock?' },
      };
    case 'recv psock?':
      if (state.psock !== '')
        return { name: 'reader: … and the redirected one, too', to: { ...state, at: 'recv psock' } };
      return { name: 'reader: … and the redirected one empty', to: { ...state, at: 'recv', call: 'tcp_recvmsg' } };
    case 'recv psock':
      return copyFromPsock(state, scenario);
    case 'unlock':
      return unlock(state, scenario);
    case 'rearm':
      return {
        name: 'reader: epoll_ctl arms again',
        to: { ...state, at: 'wait', armed: true, ready: isReadable(state) },
      };
    default:
      return undefined;
  }
}

function asleep(state: State): Step<State> | undefined {
  if (state.kind === 'poll')
    return state.ready ? { name: 'reader: poll looks again', to: { ...state, at: 'rcv?', ready: false } } : undefined;
  const isWoken = state.receive !== '' || (state.call === 'tcp_bpf_recvmsg' && state.psock !== '');
  if (!isWoken) return undefined;
  return { name: 'reader: recv is woken', to: { ...state, at: state.call === 'tcp_recvmsg' ? 'recv' : 'recv psock' } };
}

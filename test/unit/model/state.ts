/**
 * One direction of one connection. Bytes are letters in the order in which they were written (small: by the first
 * thread, capital: by the second), `.` is a FIN and `!` a reset; queues are strings, first byte first.
 */
import type { Kind, Scenario } from './rules.ts';

/** Where a thread that writes is: what message_outcome reads next, or bpf_tcp_ingress without the sender's lock. */
export type WriterAt =
  | 'idle'
  | 'settings'
  | 'phase'
  | 'standing'
  | 'cookie'
  | 'nonblocking'
  | 'waiting'
  | 'copied_seq'
  | 'queue'
  | 'redirect'
  | 'ingress';

export interface Writer {
  readonly at: WriterAt;
  readonly message: string;
}

/**
 * Where the reader's thread is. wait: before or in epoll_wait; rcv?, psock?: in tcp_poll, before it looks at this queue;
 * asleep: in poll(2) or in a recv that blocks; call: before sk_prot->recvmsg is loaded; recv: it is loaded, and the
 * socket is not locked; unlock: in recv, with the lock.
 */
export type ReaderAt =
  | 'wait'
  | 'rcv?'
  | 'psock?'
  | 'asleep'
  | 'call'
  | 'recv'
  | 'recv psock?'
  | 'recv psock'
  | 'unlock'
  | 'rearm'
  | 'stopped'
  | 'ended'
  | 'closed';

export interface State {
  readonly writers: readonly Writer[];
  readonly messagesLeft: number;
  /** Bytes written so far, by thread. */
  readonly sent: readonly number[];
  readonly ended: boolean;
  readonly writeSeq: number;
  readonly paused: boolean;
  readonly pausesLeft: number;
  /** Redirects since `paused` was set, or the epoch raised after something else stopped them. */
  readonly redirectedPaused: number;
  /** What the maps say of members, policy and options: no redirects. */
  readonly stopped: boolean;
  readonly changesLeft: number;
  /** `stopped` changed, and the epoch was not raised yet. */
  readonly unraised: boolean;
  /** The epoch is another one than when `standing` was found. */
  readonly stale: boolean;
  /** `stopped`, as it was found: `standing` of the state. */
  readonly standing: boolean;

  readonly senderPromoted: boolean;
  /** looked: reader_refusal passed, the key is not in `sockets` yet. deleted: it was, somebody took it away. */
  readonly reader: 'new' | 'looked' | 'promoted' | 'deleted';
  readonly linked: boolean;
  readonly seenLevel: boolean;
  readonly peerSeenLevel: boolean;
  readonly queuedBytes: number;
  /** The reader's copied_seq when it was linked. */
  readonly linkedSeq: number;

  /** Segments under way, each ended by `|`. */
  readonly flight: string;
  /** The first one was dropped: only a timer, or an update of the window, brings it again. */
  readonly held: boolean;
  readonly receive: string;
  readonly backlog: string;
  readonly psock: string;
  readonly copiedSeq: number;
  readonly locked: boolean;

  readonly kind: Kind;
  readonly at: ReaderAt;
  /** Which function recv is in, or is about to be in. */
  readonly call: '' | 'tcp_recvmsg' | 'tcp_bpf_recvmsg';
  /** What recv returns: bytes; 0: EAGAIN; -1: end or reset. */
  readonly result: number;
  /** On epoll's ready list, or poll(2) was woken. */
  readonly ready: boolean;
  /** False: a one-shot that fired. */
  readonly armed: boolean;
  readonly read: readonly number[];
  readonly eventLeft: boolean;
  readonly reordered: boolean;
}

export function startOf(scenario: Scenario): State {
  const { writers = 1, linked = false, reader } = scenario;
  const threads = Array.from({ length: writers });
  const level = !reader.startsWith('edge') && reader !== 'blocking';
  return {
    writers: threads.map(() => ({ at: 'idle', message: '' })),
    messagesLeft: scenario.messages,
    sent: threads.map(() => 0),
    ended: false,
    writeSeq: 0,
    paused: false,
    pausesLeft: scenario.pauses ?? 0,
    redirectedPaused: 0,
    stopped: false,
    changesLeft: scenario.changes ?? 0,
    unraised: false,
    stale: false,
    standing: false,
    senderPromoted: linked,
    reader: linked ? 'promoted' : 'new',
    linked,
    seenLevel: linked && level,
    peerSeenLevel: linked && level,
    queuedBytes: 0,
    linkedSeq: linked ? -1 : 0,
    flight: '',
    held: false,
    receive: '',
    backlog: '',
    psock: '',
    copiedSeq: 0,
    locked: false,
    kind: reader,
    at: 'wait',
    call: '',
    result: 0,
    ready: false,
    armed: true,
    read: threads.map(() => 0),
    eventLeft: scenario.event !== undefined,
    reordered: false,
  };
}

/** Fields in the order of {@link State}; every state has them in this order, so that values alone tell states apart. */
export function keyOf(state: State): string {
  let key = '';
  for (const name in state) {
    const value = state[name as keyof State];
    if (typeof value === 'object')
      for (const item of value) key += typeof item === 'number' ? `${item} ` : item.at + item.message;
    else key += value;
    key += ',';
  }
  return key;
}

/** epoll, poll or a blocked recv is told that something arrived. */
export function wake(state: State): State {
  if (state.kind === 'blocking') return state;
  if (state.kind === 'poll') return isPolling(state) ? { ...state, ready: true } : state;
  return state.armed ? { ...state, ready: true } : state;
}

/** The thread of a poll(2) reader is in the socket's wait queue. */
export function isPolling({ at }: State): boolean {
  return at === 'rcv?' || at === 'psock?' || at === 'asleep';
}

export function isReadable(state: State): boolean {
  return state.receive !== '' || state.psock !== '';
}

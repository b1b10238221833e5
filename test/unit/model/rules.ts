/** What the fast path checks, and what surrounds it: the two inputs of the model. */

/** Each rule can be switched off, to see what it is for. */
export interface Rules {
  /** message_outcome: settings.paused makes the message go by TCP. */
  readonly pause: boolean;
  /** standing_renew: look at members, policy and options again when the epoch was raised. */
  readonly epoch: boolean;
  /** message_outcome: redirect only when the peer's copied_seq equals my write_seq. */
  readonly handover: boolean;
  /** message_outcome: no more unread bytes than max_queued_bytes. */
  readonly credit: boolean;
  /** reader_refusal and reader_outcome: nobody who waits edge-triggered. */
  readonly edge: boolean;
  /** reader_refusal and reader_outcome: nobody who blocks. */
  readonly blocking: boolean;
  /** Nobody deletes the key of a socket that lives. */
  readonly liveKeys: boolean;
  /** message_outcome: after linking, the reader must have read by TCP once more before the first redirect. */
  readonly fresh: boolean;
  /** message_outcome: no more unread redirected bytes than leave room in the reader's receive buffer. */
  readonly receiveBuffer: boolean;
  /** message_outcome: a reader that is no longer safe to redirect to gets redirects all the same until its redirected queue is empty. */
  readonly oneQueue: boolean;
  /** message_outcome: while another thread's redirect is not in the queue yet, nothing goes by TCP. */
  readonly alone: boolean;
}

/** What bpf/include/fastpath_*.h does today. */
export const CODE: Rules = {
  pause: true,
  epoch: true,
  handover: true,
  credit: true,
  edge: true,
  blocking: true,
  liveKeys: true,
  fresh: true,
  receiveBuffer: true,
  oneQueue: true,
  alone: true,
};

/**
 * How the reader waits and reads.
 *
 * - level: epoll, one recv for each event
 * - level-drain: epoll, recv until EAGAIN
 * - oneshot: EPOLLONESHOT, armed again after one recv
 * - poll: poll(2), one recv for each event
 * - edge-greedy: EPOLLET, recv until EAGAIN
 * - edge-short: EPOLLET, recv until EAGAIN or until less came than was asked for
 * - blocking: recv alone
 */
export type Kind = 'level' | 'level-drain' | 'oneshot' | 'poll' | 'edge-greedy' | 'edge-short' | 'blocking';

export interface Scenario {
  readonly reader: Kind;
  /** How its cgroup is entered in `members`. Default auto. */
  readonly member?: 'auto' | 'greedy' | 'never';
  /** Messages that may be sent, each of 1 to `messageBytes` bytes. */
  readonly messages: number;
  readonly messageBytes: number;
  /** Threads that write to the one socket. Default 1. */
  readonly writers?: 1 | 2;
  /** settings.max_queued_bytes. */
  readonly credit: number;
  /** What one recv asks for. */
  readonly bufferBytes: number;
  /** sk_rcvbuf of the reader, which redirected bytes are charged to. Default: larger than everything. */
  readonly receiveBuffer?: number;
  /** True: the kernel counts a queue's bytes (psock->msg_tot_len). Default: queued_bytes of the state stands in. */
  readonly counted?: boolean;
  /** True: is_machine_short() or is_cgroup_short() may say yes to any message. Default: never. */
  readonly memoryShort?: boolean;
  /** True: is_refresh_due() may say yes to any message. Default: never. */
  readonly refresh?: boolean;
  /** How often `paused` may change. Default 0. */
  readonly pauses?: number;
  /** How often members, policy or options may change, each time followed by the epoch. Default 0. */
  readonly changes?: number;
  /** What these changes are. Default PAUSED: a workload is paused, and resumed. */
  readonly standing?: 'PAUSED' | 'POLICY' | 'OPTION';
  /** How the sender may end the connection, at any moment. Default: not at all. */
  readonly end?: 'half-close' | 'reset';
  /** What else may happen once, at any moment. Default: nothing. */
  readonly event?: 'reader stops' | 'reader closes' | 'reader becomes edge-short' | 'reader becomes blocking';
  /** True: both ends are linked from the start; else promotion comes at any moment, or never. */
  readonly linked?: boolean;
}

/**
 * What native/semantics compares, and every difference that an application can see. docs/semantics.md is generated from
 * this table (scripts/generate-semantics-docs.ts), and test/kernel/semantics holds it against the kernel: a difference
 * that appears or disappears fails there.
 */
import type { Part } from './case.ts';

const NO_URGENT =
  'The queue of redirected messages knows no urgent data: tcp_bpf_recvmsg() does not heed MSG_OOB, and what is urgent, which goes by TCP, is told before what is unread. telnet and rlogin use it, which read what they have.';
const KERNEL_SEND =
  'The kernel looks at this in tcp_sendmsg() only, which a socket in a socket hash does not pass. A mistake of the program in either case; no byte is lost or added.';
const BLOCKING =
  'The socket was non-blocking when it was promoted, and made blocking since: tcp_bpf_recvmsg() waits once and does not look why it was woken. Nothing is redirected to it any more, and its workload is learned of: the sockets that it makes from then on are not promoted. Known to do so: Python’s settimeout(None) after a time-out. Set the reader of such a workload to `off` beforehand.';
const RESET =
  'The kernel throws redirected bytes away before TCP decides how to close, and TCP finds nothing unread. The end that it would send is made a reset on its way, but this one was sent before. The peer is told by its next write.';
const SPLICE =
  'tcp_splice_read() looks at TCP’s queue alone. A program that may be redirected to is answered EINVAL by `shunt run`, from its first call on, as for a file that cannot be spliced, and receives instead (Go, HAProxy); io_uring, which splices by itself, is not there for it. This is what one sees that was put into the cgroup by hand.';
const SENDFILE =
  'As splice-from; but sendfile(2) from a socket cannot be refused without that from a file, since a filter of system calls sees numbers alone. No program is known that does so.';

export const PARTS: readonly Part[] = [
  {
    title: 'Receiving',
    cases: [
      { name: 'recv-in-parts', what: 'a message is read in parts' },
      { name: 'recv-several-messages', what: 'a read takes several messages and knows no borders' },
      { name: 'recv-peek', what: 'MSG_PEEK, also across messages, after a part was read, with MSG_WAITALL' },
      {
        name: 'recv-trunc',
        what: 'MSG_TRUNC',
        differs: {
          met: 'without harm',
          seen: { buffer: ['left alone', 'written'] },
          why: 'TCP throws the bytes away; redirected ones are copied to the buffer as well. The count is right. tcp_bpf_recvmsg() heeds no flag but MSG_PEEK and MSG_DONTWAIT, and no BPF program runs in recv(2).',
        },
      },
      {
        name: 'recv-trunc-without-buffer',
        what: 'MSG_TRUNC without a buffer',
        differs: {
          met: 'by programs',
          seen: { result: ['50', 'EFAULT'], 'what follows': ['50 bytes', '100 bytes'] },
          why: 'As recv-trunc, and there is no buffer to copy to. Known to do so: iperf3 with --skip-rx-copy, which reads until it would block and is refused its first read.',
        },
      },
      { name: 'recv-waitall', what: 'MSG_WAITALL on a non-blocking socket' },
      { name: 'recv-dontwait', what: 'MSG_DONTWAIT' },
      { name: 'recv-errqueue', what: 'MSG_ERRQUEUE' },
      { name: 'recv-other-flags', what: 'MSG_NOSIGNAL, MSG_CMSG_CLOEXEC, an unknown flag' },
      {
        name: 'recv-nothing',
        what: 'a read of no bytes',
        differs: {
          met: 'without harm',
          seen: { 'nothing there': ['EAGAIN', '0'] },
          why: 'tcp_bpf_recvmsg() answers a read that wants nothing at once. TCP answers 0 as well when something is there, so no program can take it for the end.',
        },
      },
      { name: 'recv-bad-buffer', what: 'EFAULT, and nothing is lost' },
      { name: 'recv-bad-second-buffer', what: 'readv(2) whose second buffer is bad' },
      { name: 'readv-100-buffers', what: 'readv(2) into 100 buffers' },
      { name: 'recvmsg', what: 'recvmsg(2): name, control messages, flags' },
      { name: 'recvmmsg', what: 'recvmmsg(2)' },
      { name: 'recvfrom', what: 'recvfrom(2): the address' },
      { name: 'read-by-offset', what: 'pread(2) and lseek(2) are refused' },
      { name: 'recv-2000-small', what: '2,000 messages of one byte' },
      { name: 'recv-full-queues', what: 'queues that fill up three times' },
    ],
  },
  {
    title: 'Sending',
    cases: [
      { name: 'send-nothing', what: 'send(2) and write(2) of no bytes' },
      { name: 'send-more', what: 'MSG_MORE: held back', way: 'promoted' },
      { name: 'cork', what: 'TCP_CORK: held back' },
      { name: 'nagle', what: 'small messages without TCP_NODELAY' },
      { name: 'writev-1024-buffers', what: 'writev(2) of 1,024 buffers' },
      { name: 'sendmsg-empty-buffers', what: 'sendmsg(2) with empty buffers among others' },
      { name: 'sendmmsg', what: 'sendmmsg(2)' },
      {
        name: 'send-bad-buffer',
        what: 'buffers that cannot be read',
        differs: {
          met: 'by mistakes and tests',
          seen: { 'all bad': ['EFAULT', '0'], 'second bad': ['EFAULT', '0'] },
          why: KERNEL_SEND,
          where: { has: 'length of a queue' },
          mended: true,
        },
      },
      {
        name: 'sendmsg-control',
        what: 'control messages that TCP does not know',
        differs: {
          met: 'by mistakes and tests',
          seen: { 'an unknown control message': ['EINVAL', '10'], read: ['20 bytes', '30 bytes'] },
          why: 'The kernel looks at control messages in tcp_sendmsg() only; they are ignored, and the bytes are sent.',
        },
      },
      { name: 'sendto', what: 'sendto(2) with the peer’s address' },
      { name: 'send-other-flags', what: 'MSG_EOR, MSG_DONTROUTE, MSG_CONFIRM, MSG_ZEROCOPY without SO_ZEROCOPY' },
      {
        name: 'send-fastopen',
        what: 'MSG_FASTOPEN on a connected socket',
        way: 'promoted',
        differs: {
          met: 'by mistakes and tests',
          seen: { MSG_FASTOPEN: ['EISCONN', '10'], read: ['10 bytes', '20 bytes'] },
          why: 'The kernel ignores the flag of a socket in a socket hash, and the bytes are sent.',
          where: { lacks: 'all flags of a promoted sender' },
        },
      },
      {
        name: 'send-oob',
        what: 'MSG_OOB to a reader that has read what came before',
      },
      {
        name: 'send-oob-behind-unread',
        what: 'MSG_OOB to a reader that has not',
        differs: {
          met: 'by mistakes and tests',
          seen: { 'at the mark': ['0', '1'], 'recv in band': ['10', '9'] },
          why: NO_URGENT,
        },
      },
      {
        name: 'recv-oob-none',
        what: 'MSG_OOB where nothing urgent was sent',
        differs: {
          met: 'by mistakes and tests',
          seen: {
            'nothing there': ['EINVAL', 'EAGAIN'],
            'bytes there, none urgent': ['EINVAL', '1'],
            bytes: ['10 bytes', '9 bytes'],
          },
          why: NO_URGENT,
        },
      },
      { name: 'sendfile-into', what: 'sendfile(2) from a file' },
      { name: 'splice-into', what: 'splice(2) from a pipe' },
      {
        name: 'splice-from',
        what: 'splice(2) into a pipe',
        differs: {
          met: 'by programs',
          seen: {
            splice: ['100', 'EAGAIN'],
            'from the pipe': ['100 bytes', '-'],
            'recv instead': ['-', '100 bytes'],
          },
          why: SPLICE,
        },
      },
      {
        name: 'sendfile-from',
        what: 'sendfile(2) from the socket into a pipe',
        differs: {
          met: 'by mistakes and tests',
          seen: { sendfile: ['100', 'EAGAIN'], recv: ['EAGAIN', '100 bytes'] },
          why: SENDFILE,
          where: { has: 'sendfile into a pipe' },
        },
      },
      { name: 'small-send-buffer', what: 'SO_SNDBUF of 8 KiB and 400 kB to send' },
      { name: 'reuse-buffer-after-send', what: 'the buffer is overwritten after send(2)' },
    ],
  },
  {
    title: 'Ending',
    cases: [
      { name: 'shutdown-write', what: 'shutdown(2) of writing: bytes, the end, events, EPIPE' },
      { name: 'answer-after-half-close', what: 'a long answer to a request that ended its stream' },
      { name: 'shutdown-read', what: 'shutdown(2) of reading, with bytes there and bytes to come' },
      { name: 'shutdown-both', what: 'shutdown(2) of both' },
      { name: 'close-all-read', what: 'close(2) when all was read' },
      { name: 'close-after-bytes', what: 'close(2) after bytes that the peer has not read yet' },
      { name: 'close-unread', what: 'close(2) with bytes unread: a reset' },
      { name: 'close-unread-partly', what: 'close(2) with some bytes read, others unread' },
      { name: 'close-unread-after-answer', what: 'close(2) with bytes unread, after an answer: the answer arrives' },
      { name: 'close-unread-both', what: 'close(2) with bytes unread, and bytes unread at the other end' },
      {
        name: 'close-unread-after-shutdown',
        what: 'close(2) with bytes unread, when the peer has taken an end that shutdown(2) sent',
        differs: { met: 'without harm', seen: { 'told of it': ['yes', 'no'] }, why: RESET },
      },
      { name: 'write-to-closed', what: 'writes to a peer that closed', way: 'promoted' },
      { name: 'sigpipe', what: 'SIGPIPE and MSG_NOSIGNAL', way: 'promoted' },
      { name: 'reset-with-bytes', what: 'a reset after bytes that were not read: bytes, error, events' },
      { name: 'reset-idle', what: 'a reset: SO_ERROR, read, write, shutdown' },
      { name: 'reset-then-write', what: 'a write after a reset, then a read' },
      {
        name: 'reset-then-write-unread',
        what: 'the same, with bytes unread',
        differs: {
          met: 'without harm',
          seen: { afterwards: ['end', 'ECONNRESET'] },
          why: 'send(2) tells the error without taking it from the socket, so that recv(2), after the bytes, tells it once more.',
        },
      },
      { name: 'linger', what: 'SO_LINGER of 2 s' },
      { name: 'both-close', what: 'both ends shut down', way: 'promoted' },
      { name: 'disconnect', what: 'connect(2) to AF_UNSPEC' },
      { name: 'connect-again', what: 'connect, listen, bind and accept on a connected socket' },
    ],
  },
  {
    title: 'Waiting',
    cases: [
      { name: 'poll-masks', what: 'all events of poll(2), idle, with bytes, at the end' },
      { name: 'select', what: 'select(2)' },
      { name: 'epoll-level', what: 'level-triggered epoll' },
      {
        name: 'epoll-edge-beside-level',
        what: 'an edge-triggered epoll beside a level-triggered one: one event a message, also with bytes unread',
        way: 'promoted',
      },
      { name: 'epoll-edge-output', what: 'EPOLLOUT, edge-triggered: full, drained, told' },
      { name: 'epoll-oneshot', what: 'EPOLLONESHOT' },
      { name: 'epoll-exclusive', what: 'EPOLLEXCLUSIVE in two epolls' },
      { name: 'epoll-nested', what: 'an epoll in an epoll' },
      { name: 'epoll-added-late', what: 'bytes that were there before epoll_ctl(2)' },
      { name: 'epoll-reset', what: 'a reset', way: 'promoted' },
      { name: 'turn-to-edge', what: 'a reader that turns to edge-triggered waiting with bytes unread' },
      { name: 'sigio', what: 'SIGIO' },
      { name: 'signal-during-epoll', what: 'a signal during epoll_wait(2)' },
    ],
  },
  {
    title: 'Options, set on a promoted connection',
    cases: [
      { name: 'rcvlowat-later', what: 'SO_RCVLOWAT', way: 'promoted' },
      { name: 'rcvlowat-set-back', what: 'SO_RCVLOWAT, set and set back to 1', way: 'promoted' },
      { name: 'oobinline-later', what: 'SO_OOBINLINE', way: 'promoted' },
      { name: 'peek-off-later', what: 'SO_PEEK_OFF', way: 'promoted', needs: 'peek offset of TCP' },
      { name: 'timestamp-later', what: 'SO_TIMESTAMPNS', way: 'promoted' },
      { name: 'timestamping-receive-later', what: 'SO_TIMESTAMPING of what is received', way: 'promoted' },
      { name: 'timestamping-send-later', what: 'SO_TIMESTAMPING of what is sent', way: 'promoted' },
      { name: 'inq-later', what: 'TCP_INQ', way: 'promoted' },
      {
        name: 'zerocopy-send-later',
        what: 'SO_ZEROCOPY and MSG_ZEROCOPY',
        way: 'promoted',
        differs: {
          met: 'without harm',
          seen: { completion: ['told', 'never told'] },
          why: 'The kernel ignores the flag of a socket in a socket hash: the bytes are copied, and no completion follows. Who sends so sets SO_ZEROCOPY before the first byte, and is never promoted.',
          where: { lacks: 'all flags of a promoted sender' },
        },
      },
      {
        name: 'zerocopy-receive',
        what: 'TCP_ZEROCOPY_RECEIVE',
        needs: 'small reads without mapping',
        differs: {
          met: 'without harm',
          seen: { 'copied, to be received of the first message': ['50, 0', '0, 50'] },
          why: 'Bytes that were redirected before the first call cannot be mapped; the program is told to receive them, as by TCP of bytes that cannot. All that follows is by TCP.',
        },
      },
      { name: 'drop-filter-later', what: 'SO_ATTACH_FILTER', way: 'promoted' },
      { name: 'ulp-unknown', what: 'TCP_ULP of a protocol that does not exist', way: 'promoted' },
      {
        name: 'ulp-tls',
        what: 'TCP_ULP: TLS in the kernel',
        differs: {
          met: 'without harm',
          where: { has: 'TLS of its own' },
          seen: { 'TLS in the kernel': ['taken', 'refused'] },
          why: 'The kernel’s TLS would hand out redirected bytes that are unread as if it had decrypted them, so it is refused to a promoted socket, by EPERM. Libraries go on by themselves, as where the kernel has none (OpenSSL). Who asks for it before the connection is promoted, which is the rule, gets it and is never promoted.',
        },
      },
      { name: 'small-receive-buffer', what: 'SO_RCVBUF, and a queue that fills up three times' },
      { name: 'time-outs', what: 'SO_RCVTIMEO and SO_SNDTIMEO of a non-blocking socket' },
      { name: 'option-values', what: '22 other options: what they answer' },
      { name: 'option-answers', what: '21 options that are only asked for: what they answer' },
      { name: 'pacing-later', what: 'SO_MAX_PACING_RATE', way: 'promoted' },
      { name: 'congestion-control', what: 'TCP_CONGESTION' },
      { name: 'repair-later', what: 'TCP_REPAIR, on and off', way: 'promoted' },
      { name: 'keep-alive', what: 'keep-alive probes and TCP_USER_TIMEOUT in an idle connection', once: true },
    ],
  },
  {
    title: 'What is set before promotion, and prevents it',
    cases: [
      { name: 'rcvlowat-before', what: 'SO_RCVLOWAT', way: 'refused' },
      { name: 'oobinline-before', what: 'SO_OOBINLINE', way: 'refused' },
      { name: 'peek-off-before', what: 'SO_PEEK_OFF', way: 'refused', needs: 'peek offset of TCP' },
      { name: 'zerocopy-send-before', what: 'SO_ZEROCOPY', way: 'refused' },
      { name: 'timestamp-before', what: 'SO_TIMESTAMPNS', way: 'refused' },
      { name: 'timestamping-send-before', what: 'SO_TIMESTAMPING', way: 'refused' },
      { name: 'inq-before', what: 'TCP_INQ', way: 'refused' },
      { name: 'pacing-before', what: 'SO_MAX_PACING_RATE', way: 'refused' },
      {
        name: 'zerocopy-receive-before',
        what: 'TCP_ZEROCOPY_RECEIVE, by getsockopt(2)',
        way: 'refused',
        needs: 'small reads without mapping',
      },
      { name: 'filter-before', what: 'SO_ATTACH_FILTER', way: 'refused' },
      { name: 'edge-triggered-before', what: 'an edge-triggered reader that asks FIONREAD', way: 'refused' },
      { name: 'blocking-before', what: 'a blocking reader', way: 'refused' },
    ],
  },
  {
    title: 'What a socket says of itself',
    cases: [
      {
        name: 'fionread',
        what: 'FIONREAD',
        differs: {
          met: 'by programs',
          seen: { 'a message': ['100', '0'], two: ['150', '0'], 'the rest': ['30', '0'] },
          why: 'Kernels without tcp_bpf_ioctl() do not count redirected bytes, and no BPF program runs in ioctl(2). A program that takes 0 for “nothing to read” (Java’s available(), .NET’s Available) needs `fastPath: sender-only` or `off` there.',
          where: { lacks: 'length of a queue' },
        },
      },
      {
        name: 'fionread-by-tcp',
        what: 'FIONREAD of a promoted socket whose bytes come by TCP',
        way: 'promoted',
        differs: {
          met: 'by programs',
          seen: { 'a message': ['100', '0'], 'the rest': ['40', '0'] },
          why: 'tcp_bpf_ioctl() counts redirected bytes alone. Bytes go by TCP when the reader is behind, and now and then. A level-triggered program that takes 0 for “nothing to read” needs `fastPath: off`; edge-triggered readers, which could stall on it, are never promoted.',
          where: { has: 'length of a queue' },
          mended: true,
        },
      },
      { name: 'outq', what: 'SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK' },
      { name: 'tcp-info', what: 'TCP_INFO: state, bytes, segments' },
      { name: 'tcp-info-in-the-end', what: 'TCP_INFO when the peer has closed, and a short one' },
      { name: 'identity', what: 'names, type, protocol, fstat(2)' },
    ],
  },
  {
    title: 'Sharing',
    cases: [
      { name: 'dup', what: 'dup(2), and close of the original' },
      { name: 'fork', what: 'a child that answers with the inherited socket' },
      { name: 'owner-killed', what: 'SIGKILL of the only owner', way: 'promoted' },
      { name: 'writer-killed', what: 'SIGKILL after writes: all of it arrives' },
      { name: 'stopped-and-continued', what: 'SIGSTOP and SIGCONT of a process that waits' },
      { name: 'exec', what: 'a program that inherits the socket as its input and output' },
      { name: 'passed-by-scm-rights', what: 'SCM_RIGHTS, with bytes unread' },
    ],
  },
  {
    title: 'Made blocking after promotion',
    cases: [
      { name: 'blocking-later-message', what: 'recv(2) waits for a message', way: 'promoted' },
      { name: 'blocking-later-waitall', what: 'recv(2) with MSG_WAITALL', way: 'promoted' },
      { name: 'blocking-later-end', what: 'recv(2), and the peer closes', way: 'promoted' },
      {
        name: 'blocking-later-own-shutdown',
        what: 'recv(2), and another thread calls shutdown(2)',
        way: 'promoted',
        differs: { met: 'by programs', seen: { recv: ['end', 'EAGAIN'] }, why: BLOCKING },
      },
      {
        name: 'blocking-later-reset',
        what: 'recv(2), and the peer resets',
        way: 'promoted',
        differs: { met: 'by programs', seen: { recv: ['ECONNRESET', 'EAGAIN'] }, why: BLOCKING },
      },
      {
        name: 'blocking-later-signal',
        what: 'recv(2), and a signal',
        way: 'promoted',
        differs: { met: 'by programs', seen: { recv: ['EINTR', 'EAGAIN'] }, why: BLOCKING },
      },
      {
        name: 'blocking-later-restart',
        what: 'recv(2), and a signal with SA_RESTART',
        way: 'promoted',
        differs: { met: 'by programs', seen: { recv: ['100 bytes', 'EAGAIN'] }, why: BLOCKING },
      },
      { name: 'blocking-later-time-out', what: 'recv(2) with SO_RCVTIMEO', way: 'promoted' },
      { name: 'blocking-for-a-moment', what: 'blocking for one recv(2), then non-blocking again' },
    ],
  },
  {
    title: 'io_uring',
    cases: [
      { name: 'io-uring-receive', what: 'IORING_OP_RECV of bytes that are there' },
      { name: 'io-uring-receive-waiting', what: 'IORING_OP_RECV before the bytes', way: 'promoted' },
      { name: 'io-uring-poll', what: 'IORING_OP_POLL_ADD', way: 'promoted' },
      { name: 'io-uring-send', what: 'IORING_OP_SEND', way: 'promoted' },
    ],
  },
];

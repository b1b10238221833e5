/**
 * A socket of another process. pidfd_getfd(2) gives a second descriptor of it for the moment of the look: one more
 * reference and nothing else. Should its owner close it in that moment, its end is sent a moment later.
 * Least kernel: 5.6.
 */
import { errnoName, failure } from './errors.ts';
import { errno, libc } from './ffi.ts';

/** The same on every architecture. */
const PIDFD_OPEN = 434;
const PIDFD_GETFD = 438;

const SHUT_RDWR = 2;
/** struct sockaddr; its family 0 is AF_UNSPEC. */
const SOCKADDR_SIZE = 16;
const F_GETFL = 3;
const O_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_PROTOCOL = 38;
const SO_COOKIE = 57;
const SOL_TCP = 6;
const TCP_INFO = 11;
/** struct tcp_info up to tcpi_segs_in (Linux 4.2); fields only follow it. */
const TCP_INFO_SIZE = 144;
const TCPI_STATE = 0;
const TCPI_SEGS_IN = 140;

const IPPROTO_TCP = 6;
const IPPROTO_MPTCP = 262;

/** What a TCP socket says of itself. */
export interface TcpLook {
  readonly protocol: 'tcp' | 'mptcp';
  /** Unique until the next boot; the socket has one from now on. */
  readonly cookie: bigint;
  /** A value of the kernel's enum: 1 is ESTABLISHED. */
  readonly tcpState: number;
  /** Segments received, also empty ones. */
  readonly segmentsIn: number;
  readonly nonBlocking: boolean;
}

/**
 * Calls `use` with a descriptor of that process's socket, which is closed again before this returns. undefined when the
 * process or the descriptor is gone. Needs CAP_SYS_PTRACE. @throws E_SYSCALL.
 */
export function withDescriptorOf<T>(pid: number, fd: number, use: (fd: number) => T): T | undefined {
  const pidfd = libc().pidfdOpen(PIDFD_OPEN, pid, 0);
  if (pidfd < 0) return gone(pid, fd, 'pidfd_open');
  let copy: number;
  try {
    copy = libc().pidfdGetfd(PIDFD_GETFD, pidfd, fd, 0);
    if (copy < 0) return gone(pid, fd, 'pidfd_getfd');
  } finally {
    libc().close(pidfd);
  }
  try {
    return use(copy);
  } finally {
    libc().close(copy);
  }
}

const GONE = ['ESRCH', 'EBADF', 'EINVAL'];

function gone(pid: number, fd: number, syscall: string): undefined {
  const code = errno();
  if (GONE.includes(errnoName(code))) return undefined;
  throw failure('E_SYSCALL', `look at descriptor ${fd} of process ${pid}`, syscall, code);
}

/**
 * Ends the connection of a TCP socket: both ends get ECONNRESET, unread bytes are thrown away, and the socket
 * can be closed only. @throws E_SYSCALL.
 */
export function resetTcp(fd: number): void {
  const unspecified = Buffer.alloc(SOCKADDR_SIZE);
  if (libc().connect(fd, unspecified, unspecified.length) < 0) {
    throw failure('E_SYSCALL', `reset the connection of descriptor ${fd}`, 'connect', errno());
  }
  // Says ENOTCONN, and yet does what it is for: without it recv(2) on a socket of a socket hash says EAGAIN for ever.
  libc().shutdown(fd, SHUT_RDWR);
}

/** undefined when the descriptor is no TCP socket. */
export function lookAtTcp(fd: number): TcpLook | undefined {
  const protocol = option(fd, SOL_SOCKET, SO_PROTOCOL, 4)?.readUInt32LE();
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_MPTCP) return undefined;
  const info = option(fd, SOL_TCP, TCP_INFO, TCP_INFO_SIZE);
  const cookie = option(fd, SOL_SOCKET, SO_COOKIE, 8);
  if (info === undefined || cookie === undefined) return undefined;
  return {
    protocol: protocol === IPPROTO_TCP ? 'tcp' : 'mptcp',
    cookie: cookie.readBigUInt64LE(),
    tcpState: info.readUInt8(TCPI_STATE),
    segmentsIn: info.readUInt32LE(TCPI_SEGS_IN),
    nonBlocking: (libc().fcntl(fd, F_GETFL, 0) & O_NONBLOCK) !== 0,
  };
}

function option(fd: number, level: number, name: number, size: number): Buffer | undefined {
  const value = Buffer.alloc(size);
  return libc().getsockopt(fd, level, name, value, new Uint32Array([size])) < 0 ? undefined : value;
}

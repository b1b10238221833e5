/** /proc/net/tcp and /proc/net/tcp6: the TCP sockets of one network namespace. */
import { socketText } from '../dataplane/address.ts';

export interface TcpRow {
  /** Number of the socket's file, unique on the machine while it lives: `socket:[INODE]`. */
  readonly inode: number;
  /** `address:port`, IPv6 in brackets; v4-mapped addresses as IPv4. */
  readonly local: string;
  readonly remote: string;
  readonly state: string;
}

/** By number, as in include/net/tcp_states.h. */
const STATES = [
  '?',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
  'NEW_SYN_RECV',
] as const;

/** Sockets without a file (in TIME_WAIT, or not accepted yet) are left out. */
export function parseProcNetTcp(text: string): TcpRow[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line): TcpRow[] => {
      const [, local, remote, state, , , , , , inode] = line.trim().split(/\s+/);
      if (local === undefined || remote === undefined || !Number(inode)) return [];
      const name = STATES[Number.parseInt(state ?? '', 16)] ?? '?';
      return [{ inode: Number(inode), local: endOf(local), remote: endOf(remote), state: name }];
    });
}

const WORD = 8;

/** `0100007F:1F90` -> `127.0.0.1:8080`. Each word is printed as the machine holds it. */
function endOf(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const words = address.match(new RegExp(`.{${WORD}}`, 'g')) ?? [];
  const numbers = words.map((word) => Number.parseInt(word, 16));
  const [first = 0] = numbers;
  // An IPv4 address alone, made v4-mapped: ::ffff:a.b.c.d.
  const mapped = numbers.length === 1 ? [0, 0, 0xffff0000, first] : numbers;
  return socketText(mapped, Number.parseInt(port, 16));
}

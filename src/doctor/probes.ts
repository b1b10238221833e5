/** All probes, in the order in which they are run: what only loads a program first, then what needs it. */
import type { Probe } from './probe.ts';
import { cgroupHooks } from './probes/cgroup-hooks.ts';
import { cookie } from './probes/cookie.ts';
import { detach } from './probes/detach.ts';
import { fionreadNative, fionreadRedirected } from './probes/fionread.ts';
import { iteratorUpdate } from './probes/iterator-update.ts';
import { mixedQueue } from './probes/mixed-queue.ts';
import { mptcp } from './probes/mptcp.ts';
import { netnsCookieProbe } from './probes/netns-cookie.ts';
import { ordering } from './probes/ordering.ts';
import { peek } from './probes/peek.ts';
import { splice } from './probes/splice.ts';
import { spliceRefused } from './probes/splice-refused.ts';
import { tcUpdate } from './probes/tc-update.ts';
import { tcpSock } from './probes/tcp-sock.ts';
import { waiting } from './probes/waiting.ts';
import { wakeUp } from './probes/wake-up.ts';

export const PROBES: readonly Probe[] = [
  cgroupHooks,
  tcUpdate,
  iteratorUpdate,
  tcpSock,
  cookie,
  netnsCookieProbe,
  waiting,
  mptcp,
  spliceRefused,
  wakeUp,
  ordering,
  mixedQueue,
  peek,
  fionreadRedirected,
  fionreadNative,
  splice,
  detach,
];

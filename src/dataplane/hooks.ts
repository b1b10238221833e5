/** Which program goes where: the whole table of what the data plane attaches. A program's name is its pin's name too. */
import type { Instance } from '../instance.ts';

/** Objects in build/bpf, without `.o`. */
export type ObjectName = 'capture' | 'fastpath';

/** Held by a BPF link, pinned under `links/`. */
export interface LinkHook {
  readonly object: ObjectName;
  readonly program: string;
  readonly cgroup: 'cgroup' | 'workloadsCgroup' | 'proxiesCgroup';
}

/** Held by a socket hash: the verdict program of every socket that is entered after it was attached. */
export interface SocketHashHook {
  readonly object: ObjectName;
  readonly program: string;
}

/** Held by a network namespace's device, at ingress. */
export interface TcHook {
  readonly object: ObjectName;
  readonly program: string;
  readonly device: string;
  /** Lower runs first; also the filter's handle, so that each is found again by its number alone. */
  readonly priority: number;
}

/**
 * Who enters sockets in the socket hash: the program of tc that sees their segments, or, where the kernel does not let it
 * (7.x), an iterator that user space runs whenever that program nominates one.
 */
export type Promotion = 'tc' | 'iterator';

/** The iterator, and the program of tc, that do it; those of the other way are not loaded. */
export const PROMOTION_PROGRAMS = {
  tc: ['promote'],
  iterator: ['nominate', 'enter'],
} as const satisfies Record<Promotion, readonly [tc: string, iterator?: string]>;

export const LINK_HOOKS: readonly LinkHook[] = [
  { object: 'capture', program: 'connect4', cgroup: 'workloadsCgroup' },
  { object: 'capture', program: 'connect6', cgroup: 'workloadsCgroup' },
  { object: 'capture', program: 'getpeername4', cgroup: 'workloadsCgroup' },
  { object: 'capture', program: 'getpeername6', cgroup: 'workloadsCgroup' },
  { object: 'capture', program: 'publish', cgroup: 'workloadsCgroup' },
  { object: 'capture', program: 'original_dst', cgroup: 'proxiesCgroup' },
  { object: 'fastpath', program: 'socket_events', cgroup: 'cgroup' },
  { object: 'fastpath', program: 'socket_options', cgroup: 'cgroup' },
  { object: 'fastpath', program: 'socket_answers', cgroup: 'cgroup' },
  { object: 'fastpath', program: 'socket_released', cgroup: 'cgroup' },
];

/** Programs of the fast path that are held by a cgroup, for those who attach it without the rest of the data plane. */
export const FAST_PATH_CGROUP_PROGRAMS: readonly string[] = LINK_HOOKS.filter(
  ({ object }) => object === 'fastpath',
).map(({ program }) => program);

export const SOCKET_HASH_HOOK: SocketHashHook = { object: 'fastpath', program: 'redirect' };

/** The guard first: what it drops must not be seen by the fast path. */
export function tcHooks(promotion: Promotion): readonly TcHook[] {
  const [program] = PROMOTION_PROGRAMS[promotion];
  return [
    { object: 'capture', program: 'guard', device: 'eth0', priority: 10 },
    { object: 'fastpath', program, device: 'eth0', priority: 20 },
    { object: 'fastpath', program, device: 'lo', priority: 20 },
  ];
}

/** For messages: `connect4 on /sys/fs/cgroup/shunt/default/workloads`. */
export function describeHook(hook: LinkHook, instance: Instance): string {
  return `${hook.program} on ${instance[hook.cgroup]}`;
}

/** Which program goes where: the whole table of what the data plane attaches. A program's name is its pin's name too. */
import type { Instance } from '../instance.ts';

/** Objects in build/bpf, without `.o`. */
export type ObjectName = 'capture' | 'fastpath';

/** Held by a BPF link, pinned under `links/`. */
export type LinkHook = CgroupHook | TracepointHook;

export interface CgroupHook {
  readonly kind: 'cgroup';
  readonly object: ObjectName;
  readonly program: string;
  readonly cgroup: 'cgroup' | 'workloadsCgroup' | 'proxiesCgroup';
}

export interface TracepointHook {
  readonly kind: 'tracepoint';
  readonly object: ObjectName;
  readonly program: string;
  readonly category: string;
  readonly name: string;
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

export const LINK_HOOKS: readonly LinkHook[] = [
  { kind: 'cgroup', object: 'capture', program: 'connect4', cgroup: 'workloadsCgroup' },
  { kind: 'cgroup', object: 'capture', program: 'connect6', cgroup: 'workloadsCgroup' },
  { kind: 'cgroup', object: 'capture', program: 'getpeername4', cgroup: 'workloadsCgroup' },
  { kind: 'cgroup', object: 'capture', program: 'getpeername6', cgroup: 'workloadsCgroup' },
  { kind: 'cgroup', object: 'capture', program: 'publish', cgroup: 'workloadsCgroup' },
  { kind: 'cgroup', object: 'capture', program: 'original_dst', cgroup: 'proxiesCgroup' },
  { kind: 'cgroup', object: 'fastpath', program: 'socket_events', cgroup: 'cgroup' },
  { kind: 'cgroup', object: 'fastpath', program: 'socket_options', cgroup: 'cgroup' },
  { kind: 'tracepoint', object: 'fastpath', program: 'splice_seen', category: 'syscalls', name: 'sys_enter_splice' },
];

export const SOCKET_HASH_HOOK: SocketHashHook = { object: 'fastpath', program: 'redirect' };

/** The guard first: what it drops must not be seen by the fast path. */
export const TC_HOOKS: readonly TcHook[] = [
  { object: 'capture', program: 'guard', device: 'eth0', priority: 10 },
  { object: 'fastpath', program: 'promote', device: 'eth0', priority: 20 },
  { object: 'fastpath', program: 'promote', device: 'lo', priority: 20 },
];

/** For messages: `connect4 on /sys/fs/cgroup/shunt/default/workloads`. */
export function describeHook(hook: LinkHook, instance: Instance): string {
  return hook.kind === 'cgroup'
    ? `${hook.program} on ${instance[hook.cgroup]}`
    : `${hook.program} on tracepoint ${hook.category}/${hook.name}`;
}

/**
 * Programs on a device's ingress or egress, through a clsact qdisc and libbpf's netlink: works from 5.10 on, needs no tc.
 * The filter belongs to the device, not to a process: it stays until {@link detachTc} or until the device goes.
 */
import { check, EEXIST, EINVAL, ENOENT, failure } from './errors.ts';
import { errno, libbpf, libc } from './ffi.ts';
import { tagOfProgram } from './info.ts';
import { inNetns } from './netns.ts';
import { heard } from './print.ts';
import type { BpfProgram } from './program.ts';

/** Where a filter sits. One program a (device, direction, priority, handle). */
export interface TcPoint {
  /** Path of the device's network namespace. Default: the calling thread's. */
  netns?: string;
  device: string;
  direction: 'ingress' | 'egress';
  /** 1 to 65535; the lowest runs first. */
  priority: number;
  /** 1 to 0xffffffff. */
  handle: number;
}

const ATTACH_POINT = { ingress: 1, egress: 2 } as const;
const BPF_TC_F_REPLACE = 1;

/** struct bpf_tc_hook (libbpf.h): size_t sz, int ifindex, enum attach_point, u32 parent, padding. */
function encodeHook(ifindex: number, direction: TcPoint['direction']): Buffer {
  const hook = Buffer.alloc(24);
  hook.writeBigUInt64LE(BigInt(hook.length), 0);
  hook.writeInt32LE(ifindex, 8);
  hook.writeUInt32LE(ATTACH_POINT[direction], 12);
  return hook;
}

/** struct bpf_tc_opts (libbpf.h): size_t sz, int prog_fd, u32 flags, prog_id, handle, priority, padding. */
function encodeOpts(point: TcPoint, programFd: number, flags: number): Buffer {
  const opts = Buffer.alloc(32);
  opts.writeBigUInt64LE(BigInt(opts.length), 0);
  opts.writeInt32LE(programFd, 8);
  opts.writeUInt32LE(flags, 12);
  opts.writeUInt32LE(point.handle, 20);
  opts.writeUInt32LE(point.priority, 24);
  return opts;
}

const OPTS_PROGRAM_ID = 16;

function describe(point: TcPoint): string {
  const where = point.netns === undefined ? '' : ` in ${point.netns}`;
  return `${point.direction} of ${point.device}${where}`;
}

/** Runs `call` in the device's namespace. libbpf opens its netlink socket in the thread's namespace. */
function at<T>(point: TcPoint, what: string, call: (hook: Buffer) => T): T {
  const run = (): T => {
    const ifindex = libc().ifNameToIndex(point.device);
    if (ifindex === 0) throw failure('E_BPF_ATTACH', what, 'if_nametoindex', errno());
    return call(encodeHook(ifindex, point.direction));
  };
  return point.netns === undefined ? run() : inNetns(point.netns, run);
}

/** Attaches, or replaces in one step what sits at this point. @throws E_BPF_ATTACH with the kernel's own message. */
export function attachTc(point: TcPoint & { program: BpfProgram }): void {
  const what = `attach program ${point.program.name} to ${describe(point)}`;
  at(point, what, (hook) => {
    const created = heard(() => libbpf().tcHookCreate(hook)).result;
    if (created !== -EEXIST) check('E_BPF_ATTACH', `${what}: make the clsact qdisc`, 'bpf_tc_hook_create', created);
    const opts = encodeOpts(point, point.program.fd, BPF_TC_F_REPLACE);
    const { result, warnings } = heard(() => libbpf().tcAttach(hook, opts));
    if (result < 0) throw failure('E_BPF_ATTACH', what, 'bpf_tc_attach', -result, warnings[0] ?? '');
  });
}

/** Detaches what sits at this point; the qdisc stays, others may use it. False when nothing was there. @throws E_BPF_ATTACH. */
export function detachTc(point: TcPoint): boolean {
  const what = `detach from ${describe(point)}`;
  return at(point, what, (hook) => {
    if (query(hook, point) === undefined) return false;
    const { result, warnings } = heard(() => libbpf().tcDetach(hook, encodeOpts(point, 0, 0)));
    if (result < 0) throw failure('E_BPF_ATTACH', what, 'bpf_tc_detach', -result, warnings[0] ?? '');
    return true;
  });
}

/** What sits at this point; undefined when nothing does. @throws E_BPF_ATTACH when the device is absent. */
export function queryTc(point: TcPoint): { programId: number; tag: string } | undefined {
  return at(point, `look at ${describe(point)}`, (hook) => {
    const programId = query(hook, point);
    return programId === undefined ? undefined : { programId, tag: tagOfProgram(programId) };
  });
}

function query(hook: Buffer, point: TcPoint): number | undefined {
  const opts = encodeOpts(point, 0, 0);
  const { result, warnings } = heard(() => libbpf().tcQuery(hook, opts));
  // ENOENT: no such filter. EINVAL: no clsact qdisc on the device ("Parent Qdisc doesn't exists").
  if (result === -ENOENT || result === -EINVAL) return undefined;
  if (result < 0) {
    throw failure('E_BPF_ATTACH', `look at ${describe(point)}`, 'bpf_tc_query', -result, warnings[0] ?? '');
  }
  return opts.readUInt32LE(OPTS_PROGRAM_ID);
}

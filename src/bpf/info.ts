/** What the kernel says about a program, map or link (BPF_OBJ_GET_INFO_BY_FD). Least kernel: 4.13; links 5.8. */
import { check } from './errors.ts';
import { libbpf, libc } from './ffi.ts';
import { track } from './registry.ts';

/**
 * Only the first fields are read. They have not moved since they exist (include/uapi/linux/bpf.h, struct bpf_prog_info,
 * bpf_map_info, bpf_link_info); the kernel fills what fits the length it is given.
 */
const info = Buffer.alloc(256);
const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
const length = new Uint32Array(1);

function read(fd: number, bytes: number, what: string): void {
  info.fill(0);
  length[0] = bytes;
  check('E_BPF_OPEN', `read info of ${what}`, 'bpf_obj_get_info_by_fd', libbpf().objInfo(fd, info, length));
}

export interface ProgramInfo {
  readonly type: number;
  readonly id: number;
  /** Hash of the instructions, 16 hex digits: equal tags, equal code. */
  readonly tag: string;
}

export function programInfo(fd: number, what: string): ProgramInfo {
  read(fd, 16, what);
  return { type: view.getUint32(0, true), id: view.getUint32(4, true), tag: info.toString('hex', 8, 16) };
}

/** What a program cost since it was loaded, while somebody held {@link enableRunStats}. */
export interface ProgramCost {
  readonly runs: bigint;
  readonly runTimeNs: bigint;
}

/** Of all CPUs together. Exact: the kernel adds them up when asked. Least kernel: 5.1. */
export function programCost(fd: number, what: string): ProgramCost {
  read(fd, 208, what);
  return { runTimeNs: view.getBigUint64(192, true), runs: view.getBigUint64(200, true) };
}

const BPF_STATS_RUN_TIME = 0;

/**
 * Makes the kernel measure every BPF program of the machine until disposed: two reads of the clock a run.
 * Goes with the process; independent of the setting kernel.bpf_stats_enabled. Least kernel: 5.8. @throws E_SYSCALL.
 */
export function enableRunStats(): Disposable {
  const what = 'measure the cost of BPF programs';
  const fd = check('E_SYSCALL', what, 'bpf_enable_stats', libbpf().enableStats(BPF_STATS_RUN_TIME));
  const untrack = track('run statistics');
  let open = true;
  return {
    [Symbol.dispose]: () => {
      if (!open) return;
      open = false;
      untrack();
      libc().close(fd);
    },
  };
}

export interface MapInfo {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export function mapInfo(fd: number, what: string): MapInfo {
  read(fd, 24, what);
  return {
    type: view.getUint32(0, true),
    keySize: view.getUint32(8, true),
    valueSize: view.getUint32(12, true),
    maxEntries: view.getUint32(16, true),
    flags: view.getUint32(20, true),
  };
}

/** The id of the program that a link runs. 0 when the link was detached. */
export function linkProgramId(fd: number, what: string): number {
  read(fd, 16, what);
  return view.getUint32(8, true);
}

/** The tag of a loaded program. @throws E_BPF_OPEN when it is gone. */
export function tagOfProgram(id: number): string {
  const what = `program ${id}`;
  const fd = check('E_BPF_OPEN', `open ${what}`, 'bpf_prog_get_fd_by_id', libbpf().programFdById(id));
  try {
    return programInfo(fd, what).tag;
  } finally {
    libc().close(fd);
  }
}

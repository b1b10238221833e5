/** Cgroups as BPF programs see them. */
import { statfsSync, statSync } from 'node:fs';
import { ShuntError } from '../errors.ts';

const CGROUP2_MAGIC = 0x63677270;

/**
 * The id of a cgroup v2 directory, as `bpf_get_current_cgroup_id` and `bpf_sk_cgroup_id` say it: its inode number. Never
 * reused while the machine runs. @throws E_SYSCALL when absent or not in a cgroup v2 file system.
 */
export function cgroupId(path: string): bigint {
  try {
    if (statfsSync(path).type === CGROUP2_MAGIC) return statSync(path, { bigint: true }).ino;
  } catch (cause) {
    throw new ShuntError('E_SYSCALL', `read the id of cgroup ${path}: ${(cause as Error).message}`, { cause });
  }
  throw new ShuntError('E_SYSCALL', `read the id of cgroup ${path}: not a cgroup v2 directory`);
}

/** Pins: files on bpffs that keep a map, link or program alive without a process. */
import { existsSync, mkdirSync, rmSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ShuntError } from '../errors.ts';
import { check, ENOENT } from './errors.ts';
import { libbpf } from './ffi.ts';

const BPF_FS_MAGIC = 0xcafe4a11;

/**
 * Makes a directory (0700) and its parents on bpffs. @throws E_NEEDS when the path is not on bpffs (nothing is made then),
 * E_BPF_PIN.
 */
export function makePinDir(path: string): void {
  if (statfsSync(nearestExisting(path)).type !== BPF_FS_MAGIC) {
    throw new ShuntError('E_NEEDS', `${path} is not on bpffs; mount it: mount -t bpf bpf /sys/fs/bpf`);
  }
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new ShuntError('E_BPF_PIN', `make pin directory ${path}: ${(cause as Error).message}`, { cause });
  }
}

function nearestExisting(path: string): string {
  let nearest = resolve(path);
  while (!existsSync(nearest)) nearest = dirname(nearest);
  return nearest;
}

/** Pins a descriptor. @throws E_BPF_PIN, also when the path exists. */
export function pinFd(fd: number, path: string, what: string): void {
  makePinDir(dirname(path));
  check('E_BPF_PIN', `pin ${what} to ${path}`, 'bpf_obj_pin', libbpf().objPin(fd, path));
}

/** A new descriptor of what is pinned; the caller closes it. @throws E_BPF_PIN. */
export function openPin(path: string, what: string): number {
  return check('E_BPF_PIN', `open pinned ${what} ${path}`, 'bpf_obj_get', libbpf().objGet(path));
}

/** As {@link openPin}, but undefined when nothing is pinned there. */
export function tryOpenPin(path: string, what: string): number | undefined {
  const fd = libbpf().objGet(path);
  if (fd === -ENOENT) return undefined;
  return check('E_BPF_PIN', `open pinned ${what} ${path}`, 'bpf_obj_get', fd);
}

/** Removes a pin, or a directory of pins with all below it. What is open elsewhere lives on. Absent: nothing happens. */
export function removePins(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (cause) {
    throw new ShuntError('E_BPF_PIN', `remove pins ${path}: ${(cause as Error).message}`, { cause });
  }
}

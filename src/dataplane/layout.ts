/**
 * Directories of pins. A data plane is built in `new` and renamed to v<ABI>; it is taken down after being renamed to
 * `old`. So v<ABI> is always complete, and what a crash leaves under the other two names is removed by whoever comes
 * next. (bpffs allows no dot in a name, and renames directories in one step.)
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Instance } from '../instance.ts';

export interface Pins {
  readonly root: string;
  readonly maps: string;
  readonly links: string;
  readonly programs: string;
}

export function pinsIn(root: string): Pins {
  return { root, maps: join(root, 'maps'), links: join(root, 'links'), programs: join(root, 'programs') };
}

export function unpublishedDir(instance: Instance): string {
  return join(instance.bpfRoot, 'new');
}

export function retiredDir(instance: Instance): string {
  return join(instance.bpfRoot, 'old');
}

/** Published data planes of every ABI version, full paths. */
export function publishedDirs(instance: Instance): string[] {
  return namesIn(instance.bpfRoot)
    .filter((name) => /^v\d+$/.test(name))
    .map((name) => join(instance.bpfRoot, name));
}

/** Sorted; empty when the directory is absent. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

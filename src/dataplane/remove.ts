/** Takes the whole data plane of an instance off the machine, from the names alone. */
import { renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Instance, netnsName, netnsPath } from '../instance.ts';
import { namesIn, publishedDirs, retiredDir, unpublishedDir } from './layout.ts';
import { lockPins, pinLockFile } from './lock.ts';
import { detachNamespace } from './namespace.ts';
import { takeDown } from './take-down.ts';

export interface Removal {
  /** False: there was nothing. */
  readonly removed: boolean;
  /**
   * Promoted sockets that are still open. They keep the verdict program and its maps in the kernel until they close; it
   * is paused, so they speak TCP.
   */
  readonly openSockets: number;
  /** What could not be removed, one line each. */
  readonly problems: readonly string[];
}

const NETNS_DIR = dirname(netnsPath('x'));

/**
 * Pauses, detaches links and tc filters, removes pins and directories. Needs no state file, may be called again, goes on
 * after a failure and says what is left. Also removes what a crash left half-built. @throws E_LOCKED.
 */
export function removeDataplane(instance: Instance): Removal {
  using _lock = lockPins(instance);
  const problems: string[] = [];
  const attempt = <T>(otherwise: T, step: () => T): T => {
    try {
      return step();
    } catch (error) {
      problems.push((error as Error).message);
      return otherwise;
    }
  };
  let openSockets = 0;
  let removed = false;
  for (const path of namespacesOf(instance)) removed = attempt(false, () => detachNamespace(path)) || removed;
  const rests = namesIn(instance.bpfRoot).map((name) => join(instance.bpfRoot, name));
  for (const directory of [unpublishedDir(instance), retiredDir(instance)]) {
    if (!rests.includes(directory)) continue;
    openSockets += attempt(0, () => takeDown(directory));
    removed = true;
  }
  for (const directory of publishedDirs(instance)) {
    openSockets += attempt(0, () => retire(instance, directory));
    removed = true;
  }
  for (const directory of [instance.bpfRoot, dirname(instance.bpfRoot)]) removeIfEmpty(directory);
  rmSync(pinLockFile(instance), { force: true });
  for (const directory of [instance.runDir, dirname(instance.runDir)]) removeIfEmpty(directory);
  return { removed, openSockets, problems };
}

/** Renamed first: a crash from here on leaves nothing that looks whole. */
function retire(instance: Instance, directory: string): number {
  renameSync(directory, retiredDir(instance));
  return takeDown(retiredDir(instance));
}

function namespacesOf(instance: Instance): string[] {
  const prefix = netnsName(instance.name, 'x/x').slice(0, -'x.x'.length);
  return namesIn(NETNS_DIR)
    .filter((name) => name.startsWith(prefix))
    .map(netnsPath);
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error;
  }
}

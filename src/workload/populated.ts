/** Whether a cgroup holds processes, told by the kernel through cgroup.events (inotify); works for processes of others too. */
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { ShuntError } from '../errors.ts';

/** In case an event is lost or inotify's limits are reached. */
const SAFETY_POLL_MS = 1000;

/** Stops watching; may be closed twice. */
export interface PopulatedWatch extends Disposable {
  close(): void;
}

/** False as well when the cgroup does not exist. */
export function isPopulated(cgroup: string): boolean {
  try {
    return readFileSync(join(cgroup, 'cgroup.events'), 'utf8').includes('populated 1');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return false;
    throw new ShuntError('E_SYSCALL', `read ${cgroup}/cgroup.events: ${message}`, { cause: error });
  }
}

/**
 * Calls back once with the present state (in a microtask) and then at each change, never with the same value twice. A
 * change back and forth between two looks is not told. A removed cgroup counts as not populated. The watch alone does not
 * keep the process alive.
 */
export function watchPopulated(cgroup: string, onChange: (populated: boolean) => void): PopulatedWatch {
  let last: boolean | undefined;
  let closed = false;
  const look = () => {
    if (closed) return;
    const now = isPopulated(cgroup);
    if (now === last) return;
    last = now;
    onChange(now);
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(join(cgroup, 'cgroup.events'), { persistent: false }, look);
    watcher.on('error', () => {});
  } catch {
    // No such cgroup, or no inotify watches left: the poll alone has to do.
  }
  const timer = setInterval(look, SAFETY_POLL_MS).unref();
  queueMicrotask(look);
  const close = () => {
    closed = true;
    clearInterval(timer);
    watcher?.close();
  };
  return { close, [Symbol.dispose]: close };
}

/** Resolves true as soon as the cgroup holds no process, false when it still does after `timeoutMs`. */
export function whenEmpty(cgroup: string, timeoutMs: number): Promise<boolean> {
  if (!isPopulated(cgroup)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const finish = (empty: boolean) => {
      clearTimeout(timer);
      watching.close();
      resolve(empty);
    };
    // This timer keeps the process alive while somebody waits.
    const timer = setTimeout(() => finish(!isPopulated(cgroup)), timeoutMs);
    const watching = watchPopulated(cgroup, (populated) => {
      if (!populated) finish(true);
    });
  });
}

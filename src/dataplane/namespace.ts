/** The tc programs inside one workload's network namespace. They belong to its devices and go with them. */
import { detachTc, queryTc, type TcPoint } from '../bpf/tc.ts';
import { ShuntError } from '../errors.ts';
import type { Attach } from './attach.ts';
import { type TcHook, tcHooks } from './hooks.ts';
import type { Objects } from './objects.ts';

/** The only filter of its priority. */
const HANDLE = 1;
const ENODEV = 19;

/**
 * Attaches what is missing and replaces, in one step each, what is of another build. Filters of an object that is not
 * loaded go. Returns how many filters changed. On failure the filters that it added are removed, those that it replaced
 * stay. @throws E_BPF_ATTACH, for example when the namespace has no eth0; E_SYSCALL when there is no such namespace.
 */
export function attachNamespace(path: string, objects: Objects, attach: Attach): number {
  using undo = new DisposableStack();
  let changed = 0;
  for (const hook of tcHooks(objects.promotion)) {
    const point = pointOf(hook, path);
    if (!objects.has(hook.object)) {
      if (detachTc(point)) changed++;
      continue;
    }
    const program = objects.program(hook);
    const there = queryTc(point);
    if (there?.tag === program.tag) continue;
    attach.tc({ ...point, program });
    changed++;
    if (there === undefined) undo.defer(() => detachTc(point));
  }
  undo.move();
  return changed;
}

/** Removes our filters; true when there was any. A device that is gone took its own. @throws E_BPF_ATTACH, E_SYSCALL. */
export function detachNamespace(path: string): boolean {
  // where they are does not depend on who promotes
  const found = tcHooks('tc').map((hook) => {
    try {
      return detachTc(pointOf(hook, path));
    } catch (error) {
      if (error instanceof ShuntError && error.errno === ENODEV) return false;
      throw error;
    }
  });
  return found.includes(true);
}

function pointOf(hook: TcHook, netns: string): TcPoint {
  return { netns, device: hook.device, direction: 'ingress', priority: hook.priority, handle: HANDLE };
}

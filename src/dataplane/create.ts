/** Attaches a build for the first time and pins all of it in a directory that nobody looks at yet. */
import { join } from 'node:path';
import type { BpfLink } from '../bpf/link.ts';
import { makePinDir } from '../bpf/pins.ts';
import type { BpfProgram } from '../bpf/program.ts';
import { maps } from '../generated/abi.ts';
import type { Instance } from '../instance.ts';
import type { Attach } from './attach.ts';
import { LINK_HOOKS, type LinkHook, SOCKET_HASH_HOOK, tcHooks } from './hooks.ts';
import type { Pins } from './layout.ts';
import type { Objects } from './objects.ts';

/** @throws what attaching and pinning throw; the caller takes the directory down then. */
export function attachAndPin(instance: Instance, objects: Objects, pins: Pins, attach: Attach): void {
  makePinDir(pins.links);
  makePinDir(pins.programs);
  for (const program of programsOf(objects)) program.pin(join(pins.programs, program.name));
  if (objects.has(SOCKET_HASH_HOOK.object)) attachSocketHash(objects, attach);
  for (const hook of linkHooksOf(objects)) {
    using link = attachLink(hook, instance, objects, attach);
    link.pin(join(pins.links, hook.program));
  }
}

export function attachLink(hook: LinkHook, instance: Instance, objects: Objects, attach: Attach): BpfLink {
  return attach.cgroup(objects.program(hook), instance[hook.cgroup]);
}

/** Replaces the program that is there. Sockets that are in the map already keep theirs; both read the same maps. */
export function attachSocketHash(objects: Objects, attach: Attach): void {
  attach.socketHash(objects.program(SOCKET_HASH_HOOK), objects.object(SOCKET_HASH_HOOK.object).map(maps.sockets));
}

export function linkHooksOf(objects: Objects): LinkHook[] {
  return LINK_HOOKS.filter((hook) => objects.has(hook.object));
}

/** Every program that is attached somewhere, once. */
export function programsOf(objects: Objects): BpfProgram[] {
  const all = [...LINK_HOOKS, SOCKET_HASH_HOOK, ...tcHooks(objects.promotion)];
  const hooks = all.filter((hook) => objects.has(hook.object));
  return [...new Set(hooks.map((hook) => objects.program(hook)))];
}

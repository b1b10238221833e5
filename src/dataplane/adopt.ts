/**
 * Takes over what an earlier process pinned, and brings it to this build: each link changes its program in one step, so
 * no connection meets an empty hook, and maps, and with them counters and flows, go on.
 */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupId } from '../bpf/cgroup.ts';
import { BpfLink } from '../bpf/link.ts';
import { makePinDir, removePins } from '../bpf/pins.ts';
import { BpfProgram } from '../bpf/program.ts';
import type { Instance } from '../instance.ts';
import type { Attach } from './attach.ts';
import { attachLink, attachSocketHash, linkHooksOf, programsOf } from './create.ts';
import { describeHook, type LinkHook, SOCKET_HASH_HOOK } from './hooks.ts';
import { namesIn, type Pins } from './layout.ts';
import type { Objects } from './objects.ts';
import { neededBySockets, switchOff } from './switch-off.ts';
import { dropLink } from './take-down.ts';

/** A pin is replaced by renaming another over it; this is the other's name until then. */
const BESIDE = '_next';

/**
 * Returns a line for each thing that it changed. On failure links that were changed get their old programs back. Where the
 * fast path is not loaded, what is left of it stops, and goes but for the hooks that promoted sockets need: these go with the
 * next opening that finds none.
 * @throws what attaching, updating and pinning throw.
 */
export function adopt(instance: Instance, objects: Objects, pins: Pins, attach: Attach): string[] {
  makePinDir(pins.links);
  makePinDir(pins.programs);
  dropLeftBeside(pins);
  const changes: string[] = [];
  using undo = new DisposableStack();
  const wanted = linkHooksOf(objects);
  const isOff = !objects.has(SOCKET_HASH_HOOK.object);
  if (isOff) switchOff(pins);
  for (const hook of wanted) {
    const change = renew(hook, instance, objects, pins, attach, undo);
    if (change !== undefined) changes.push(`${change} ${describeHook(hook, instance)}`);
  }
  if (objects.has(SOCKET_HASH_HOOK.object)) attachSocketHash(objects, attach);
  undo.move();

  const needed = isOff ? neededBySockets(pins) : [];
  for (const name of namesIn(pins.links)) {
    if (needed.includes(name) || wanted.some((hook) => hook.program === name)) continue;
    dropLink(join(pins.links, name));
    changes.push(`detached ${name}`);
  }
  repinPrograms(objects, pins, needed);
  return changes;
}

function renew(
  hook: LinkHook,
  instance: Instance,
  objects: Objects,
  pins: Pins,
  attach: Attach,
  undo: DisposableStack,
): string | undefined {
  const path = join(pins.links, hook.program);
  const program = objects.program(hook);
  if (!existsSync(path)) {
    using link = attachLink(hook, instance, objects, attach);
    link.pin(path);
    undo.defer(() => dropLink(path));
    return 'attached';
  }
  using link = BpfLink.open(path);
  if (!isOn(link, hook, instance)) {
    // The cgroup was removed and made again: the kernel cut the link, and it cannot be mended.
    replacePin(path, () => attachLink(hook, instance, objects, attach));
    return 'attached again';
  }
  if (link.programTag() === program.tag) return undefined;
  attach.update(link, program);
  undo.defer(() => giveBack(path, join(pins.programs, hook.program)));
  return 'replaced';
}

function giveBack(linkPath: string, programPath: string): void {
  using link = BpfLink.open(linkPath);
  using old = BpfProgram.openPinned(programPath);
  link.update(old);
}

/** The kernel tells a link's cgroup only in fdinfo and in its info's union; 0: the cgroup is gone. */
function isOn(link: BpfLink, hook: LinkHook, instance: Instance): boolean {
  const text = readFileSync(`/proc/self/fdinfo/${link.fd}`, 'utf8');
  const id = /^cgroup_id:\s*(\d+)$/m.exec(text)?.[1];
  return id !== undefined && BigInt(id) === cgroupId(instance[hook.cgroup]);
}

function replacePin(path: string, make: () => BpfLink): void {
  using link = make();
  link.pin(`${path}${BESIDE}`);
  renameSync(`${path}${BESIDE}`, path);
}

function repinPrograms(objects: Objects, pins: Pins, needed: readonly string[]): void {
  const programs = programsOf(objects);
  for (const program of programs) {
    const path = join(pins.programs, program.name);
    program.pin(`${path}${BESIDE}`);
    renameSync(`${path}${BESIDE}`, path);
  }
  for (const name of namesIn(pins.programs)) {
    if (needed.includes(name) || programs.some((program) => program.name === name)) continue;
    removePins(join(pins.programs, name));
  }
}

function dropLeftBeside(pins: Pins): void {
  for (const name of namesIn(pins.links)) if (name.endsWith(BESIDE)) dropLink(join(pins.links, name));
  for (const name of namesIn(pins.programs)) if (name.endsWith(BESIDE)) removePins(join(pins.programs, name));
}

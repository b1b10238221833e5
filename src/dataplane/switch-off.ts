/** The fast path of an adopted data plane, when its object is not to be loaded any more. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BpfMap } from '../bpf/map.ts';
import { maps, Reader } from '../generated/abi.ts';
import { LINK_HOOKS } from './hooks.ts';
import type { Pins } from './layout.ts';
import { promotedSockets } from './take-down.ts';

/**
 * No member is redirected to or promoted from the next message on, as `fastPath: off` says it of each; promoted sockets
 * keep the verdict program, which only the maps tell. Who is paused stays so. @throws E_BPF_MAP.
 */
export function switchOff(pins: Pins): void {
  const path = join(pins.maps, maps.members.name);
  if (!existsSync(path)) return;
  using members = BpfMap.open(path, maps.members);
  for (const [id, member] of [...members.entries()]) members.set(id, { ...member, reader: Reader.OFF });
  using settings = BpfMap.open(join(pins.maps, maps.settings.name), maps.settings);
  const now = settings.get(0);
  if (now !== undefined) settings.set(0, { ...now, epoch: (now.epoch + 1) >>> 0 });
}

/**
 * Programs of the fast path that promoted sockets need until they close: they count their ends, and note options that
 * redirects would break should the fast path be switched on again.
 */
export function neededBySockets(pins: Pins): readonly string[] {
  if (promotedSockets(join(pins.maps, maps.sockets.name)) === 0) return [];
  return LINK_HOOKS.filter(({ object }) => object === 'fastpath').map(({ program }) => program);
}

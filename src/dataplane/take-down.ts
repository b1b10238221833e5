/** Removes one directory of pins, complete or not, and what it holds attached. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BpfLink } from '../bpf/link.ts';
import { BpfMap } from '../bpf/map.ts';
import { removePins } from '../bpf/pins.ts';
import { maps, Settings } from '../generated/abi.ts';
import { namesIn, pinsIn } from './layout.ts';

/**
 * Sets `paused` first: sockets in the hash keep the verdict program until they close, whatever is detached, and only the
 * map tells it to stop. Then detaches all links and removes all pins. Absent: nothing happens. Returns how many
 * promoted sockets still hold the programs. Also what another ABI version pinned: `paused` is where it is in all of them.
 * @throws E_BPF_PIN.
 */
export function takeDown(directory: string): number {
  const pins = pinsIn(directory);
  pause(join(pins.maps, maps.settings.name));
  for (const name of namesIn(pins.links)) dropLink(join(pins.links, name));
  const held = promotedSockets(join(pins.maps, maps.sockets.name));
  removePins(directory);
  return held;
}

/** Detaches and unpins a link. */
export function dropLink(path: string): void {
  using link = BpfLink.open(path);
  link.unpin();
  try {
    link.detach();
  } catch {
    // A tracepoint's link, as ABI version 4 had one, cannot be detached by hand: it goes with its last descriptor, ours, now.
  }
}

function pause(settingsPath: string): void {
  if (!existsSync(settingsPath)) return;
  using settings = BpfMap.openBytes(settingsPath);
  const [first] = settings.entries();
  if (first === undefined) return;
  const [key, value] = first;
  new DataView(value.buffer, value.byteOffset).setUint32(Settings.off.paused, 1, true);
  settings.set(key, value);
}

/** How many are in the socket hash that is pinned there; none when there is no pin. @throws E_BPF_MAP. */
export function promotedSockets(socketsPath: string): number {
  if (!existsSync(socketsPath)) return 0;
  using sockets = BpfMap.openBytes(socketsPath);
  return sockets.keys().length;
}

/** Which IPv4 networks are taken on this machine: by devices, by routes, and by other instances' Services. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import type { Instance } from '../instance.ts';

/** CIDRs; the default route is not a network and is left out. */
export function busyCidrs(instance: Instance): string[] {
  const devices = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).flatMap(({ family, cidr }) => (family === 'IPv4' && cidr !== null ? [cidr] : [])),
  );
  const routes = routeCidrs(readFileSync('/proc/net/route', 'utf8'));
  return [...new Set([...devices, ...routes, ...otherInstances(instance)])].sort();
}

/** Destination and mask of each line, hexadecimal in the machine's (little-endian) order. */
export function routeCidrs(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, destination = '', , , , , , mask = ''] = line.split('\t');
      const length = bitCount(Number.parseInt(mask, 16));
      return length === 0 ? [] : [`${dotted(Number.parseInt(destination, 16))}/${length}`];
    });
}

/** Service addresses have no route, so that only the other instances' own records tell. */
function otherInstances(instance: Instance): string[] {
  const root = dirname(instance.runDir);
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => name !== instance.name)
    .flatMap((name) => {
      try {
        const { topology } = JSON.parse(readFileSync(join(root, name, 'topology.json'), 'utf8')) as {
          topology: { workloadCidr: string; serviceCidr: string };
        };
        return [topology.workloadCidr, topology.serviceCidr];
      } catch {
        return []; // It is being taken down, or was never applied.
      }
    });
}

function dotted(littleEndian: number): string {
  return [0, 8, 16, 24].map((shift) => (littleEndian >>> shift) & 0xff).join('.');
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count += 1;
  return count;
}

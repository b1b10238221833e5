/** IPv4 addresses as unsigned 32-bit numbers in host order. Pure. */

/** A network: `base` has no bits beyond `prefix`. */
export interface Cidr {
  readonly base: number;
  /** 0 to 32. */
  readonly prefix: number;
}

/** Strict dotted decimal: four numbers, no leading zeros. undefined: it is none. */
export function parseIpv4(text: string): number | undefined {
  const match = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/.exec(text);
  if (match === null) return undefined;
  const bytes = match.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((address, byte) => address * 256 + byte, 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** `a.b.c.d/prefix`; bits beyond the prefix are cut off (see {@link hasHostBits}). undefined: it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const [, host = '', length = ''] = /^([^/]*)\/(0|[1-9]\d?)$/.exec(text) ?? [];
  const address = parseIpv4(host);
  const prefix = Number(length);
  if (address === undefined || length === '' || prefix > 32) return undefined;
  return { base: network(address, prefix), prefix };
}

/** True for `10.0.0.5/24`, which is an address in a network and no network. */
export function hasHostBits(text: string, cidr: Cidr): boolean {
  return parseIpv4(text.split('/')[0] ?? '') !== cidr.base;
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.base)}/${cidr.prefix}`;
}

export function contains(cidr: Cidr, address: number): boolean {
  return network(address, cidr.prefix) === cidr.base;
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b.base) || contains(b, a.base);
}

/** Addresses in a network, its first (the network) and last (broadcast) included. */
export function cidrSize(cidr: Cidr): number {
  return 2 ** (32 - cidr.prefix);
}

/** Networks that no workload or Service may be in, with the reason. */
const RESERVED: readonly [Cidr, string][] = [
  [{ base: 0, prefix: 8 }, '"this network"'],
  [{ base: 0x7f00_0000, prefix: 8 }, 'loopback'],
  [{ base: 0xa9fe_0000, prefix: 16 }, 'link-local'],
  [{ base: 0xe000_0000, prefix: 3 }, 'multicast or reserved'],
];

/** Why nothing of the mesh may be at this address or network; undefined: it may. */
export function reservedFor(cidr: Cidr): string | undefined {
  return RESERVED.find(([reserved]) => overlaps(reserved, cidr))?.[1];
}

function network(address: number, prefix: number): number {
  return prefix === 0 ? 0 : (address & (0xffff_ffff << (32 - prefix))) >>> 0;
}

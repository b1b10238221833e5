/** Model -> Topology: addresses for workloads and Services. Pure and deterministic. */
import { createHash } from 'node:crypto';
import { ShuntError } from '../errors.ts';
import type { ResourceKey } from '../instance.ts';
import { type Cidr, cidrSize, contains, formatCidr, formatIpv4, overlaps, parseCidr, parseIpv4 } from './ipv4.ts';
import type { Model } from './model.ts';
import type { Topology } from './topology.ts';

export interface PlacementOptions {
  /** Name of the instance; two instances begin to look for a free network at different places. */
  readonly instance: string;
  /**
   * IPv4 networks `a.b.c.d/prefix` that this machine uses (addresses, routes). Those of /0 (the default route) do not
   * count; nor do any for a network that the previous topology already has.
   */
  readonly busyCidrs: readonly string[];
}

/**
 * Gives every workload and Service an address. Addresses of the previous topology stay while their resource and network
 * do; new ones depend on the key alone, and on what is taken. The gateway is the first address of the workloads' network.
 * @throws E_CONFIG when a network that the Mesh names is in use, none is free, or one is full.
 */
export function placeTopology(model: Model, previous: Topology | undefined, options: PlacementOptions): Topology {
  const { workloads, services } = chooseNetworks(model, previous, options);
  const gateway = workloads.base + 1;
  const fixed = new Map<ResourceKey, number>();
  for (const { key, clusterIp } of model.services) {
    if (clusterIp !== undefined) fixed.set(key, fixedAddress(key, clusterIp, workloads, services));
  }
  return {
    instance: options.instance,
    model,
    gatewayIp: formatIpv4(gateway),
    workloadCidr: formatCidr(workloads),
    serviceCidr: formatCidr(services),
    workloadIps: assign({
      what: 'workload',
      keys: model.workloads.map(({ key }) => key),
      cidr: workloads,
      fixed: new Map(),
      taken: [gateway],
      previous: previous?.workloadIps ?? {},
    }),
    serviceIps: assign({
      what: 'service',
      keys: model.services.map(({ key }) => key),
      cidr: services,
      fixed,
      taken: [],
      previous: previous?.serviceIps ?? {},
    }),
  };
}

function chooseNetworks(
  model: Model,
  previous: Topology | undefined,
  { instance, busyCidrs }: PlacementOptions,
): { workloads: Cidr; services: Cidr } {
  const busy = busyCidrs.map(parsed).filter(({ prefix }) => prefix > 0);
  const { workloadCidr = previous?.workloadCidr, serviceCidr = previous?.serviceCidr } = model.mesh.network;
  const clusterIps = model.services.flatMap(({ clusterIp }) => parseIpv4(clusterIp ?? '') ?? []);
  const given = {
    workloads: workloadCidr === undefined ? undefined : parsed(workloadCidr),
    services: serviceCidr === undefined ? undefined : parsed(serviceCidr),
  };
  if (given.workloads !== undefined && workloadCidr !== previous?.workloadCidr) {
    refuseBusy('workloadCidr', given.workloads, busy);
  }
  if (given.services !== undefined && serviceCidr !== previous?.serviceCidr) {
    refuseBusy('serviceCidr', given.services, busy);
  }
  const hosts = clusterIps.map((base) => ({ base, prefix: 32 }));
  const workloads = given.workloads ?? free(77, instance, [...busy, ...hosts, ...present(given.services)]);
  const services = given.services ?? free(78, instance, [...busy, workloads]);
  if (overlaps(workloads, services)) {
    const what = `workloadCidr ${formatCidr(workloads)} overlaps serviceCidr ${formatCidr(services)}`;
    throw new ShuntError('E_CONFIG', `${what}; set both in the Mesh's spec.network`);
  }
  return { workloads, services };
}

/** 10.SECOND.N.0/24 with N from a hash of the instance's name, or the next that is free. */
function free(second: number, instance: string, busy: readonly Cidr[]): Cidr {
  const first = hash(instance) % 256;
  for (let tried = 0; tried < 256; tried += 1) {
    const third = (first + tried) % 256;
    const cidr = { base: 10 * 2 ** 24 + second * 2 ** 16 + third * 2 ** 8, prefix: 24 };
    if (!busy.some((other) => overlaps(other, cidr))) return cidr;
  }
  const field = second === 77 ? 'workloadCidr' : 'serviceCidr';
  throw new ShuntError('E_CONFIG', `no free /24 in 10.${second}.0.0/16; set spec.network.${field} in the Mesh`);
}

function refuseBusy(field: string, cidr: Cidr, busy: readonly Cidr[]): void {
  const other = busy.find((candidate) => overlaps(candidate, cidr));
  if (other === undefined) return;
  const what = `${field} ${formatCidr(cidr)} overlaps ${formatCidr(other)}, which this machine uses`;
  throw new ShuntError('E_CONFIG', `${what}; set another spec.network.${field} in the Mesh`);
}

function fixedAddress(key: ResourceKey, clusterIp: string, workloads: Cidr, services: Cidr): number {
  const address = parseIpv4(clusterIp) as number;
  const refuse = (what: string): ShuntError =>
    new ShuntError('E_CONFIG', `Service ${key}: clusterIP ${clusterIp} ${what}`);
  if (contains(workloads, address)) throw refuse(`is inside workloadCidr ${formatCidr(workloads)}; choose another`);
  if (
    contains(services, address) &&
    (address === services.base || address === services.base + cidrSize(services) - 1)
  ) {
    throw refuse(`is the first or last address of serviceCidr ${formatCidr(services)}; choose another`);
  }
  return address;
}

interface Assignment {
  readonly what: 'workload' | 'service';
  readonly keys: readonly ResourceKey[];
  readonly cidr: Cidr;
  /** Addresses that the resources ask for themselves. */
  readonly fixed: ReadonlyMap<ResourceKey, number>;
  readonly taken: readonly number[];
  readonly previous: Readonly<Record<ResourceKey, string>>;
}

/**
 * First what is asked for, then what is kept, then what is new: so a newcomer never takes the address of another; nor of one
 * that leaves in the same change, as long as there are others: it is removed last, and its device still has that address.
 */
function assign({ what, keys, cidr, fixed, taken, previous }: Assignment): Record<ResourceKey, string> {
  const used = new Set(taken);
  const chosen = new Map<ResourceKey, number>();
  const take = (key: ResourceKey, address: number): void => {
    chosen.set(key, address);
    used.add(address);
  };
  const hosts = cidrSize(cidr) - 2;
  const isHost = (address: number): boolean =>
    contains(cidr, address) && address !== cidr.base && address !== cidr.base + hosts + 1;
  for (const [key, address] of fixed) take(key, address);
  const sorted = [...keys].sort();
  for (const key of sorted) {
    const address = parseIpv4(previous[key] ?? '');
    if (!chosen.has(key) && address !== undefined && isHost(address) && !used.has(address)) take(key, address);
  }
  const leaving = new Set(Object.values(previous).map(parseIpv4));
  for (const key of sorted) {
    if (chosen.has(key)) continue;
    const address =
      freeHost(key, cidr, (host) => used.has(host) || leaving.has(host)) ??
      freeHost(key, cidr, (host) => used.has(host));
    if (address === undefined) {
      const room = what === 'workload' ? hosts - 1 : hosts;
      const full = `${what}Cidr ${formatCidr(cidr)} is full: ${keys.length} ${what}s, room for ${room}`;
      throw new ShuntError('E_CONFIG', `${full}; set a larger spec.network.${what}Cidr in the Mesh`);
    }
    take(key, address);
  }
  return Object.fromEntries(sorted.map((key) => [key, formatIpv4(chosen.get(key) as number)]));
}

/** The first that is not taken, from the key's own place on. */
function freeHost(key: ResourceKey, cidr: Cidr, isTaken: (address: number) => boolean): number | undefined {
  const hosts = cidrSize(cidr) - 2;
  const first = hash(key) % hosts;
  for (let tried = 0; tried < hosts; tried += 1) {
    const address = cidr.base + 1 + ((first + tried) % hosts);
    if (!isTaken(address)) return address;
  }
  return undefined;
}

/** The same on every machine and in every version: an address may depend on it. */
function hash(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0);
}

function parsed(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new ShuntError('E_CONFIG', `${JSON.stringify(text)}: expected an IPv4 network`);
  return cidr;
}

function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

/** What the maps of capture should hold: pure functions of the topology and of the verdicts of src/policy. */
import { endpointsOf, type Topology } from '../config/topology.ts';
import { ShuntError } from '../errors.ts';
import {
  type Destination,
  DestinationFlag,
  type DestinationKey,
  DestinationKind,
  type Reader,
  Verdict,
  type VerdictKey,
} from '../generated/abi.ts';
import type { ResourceKey } from '../instance.ts';
import type { L4Allow } from '../policy/l4.ts';
import { ipToBe, swapPort } from './address.ts';

/** A TCP connection that policy allows; what is not listed is refused. */
export type L4Verdict = L4Allow;

/** How readers in a cgroup are treated: a name of `enum shunt_reader` (bpf/include/abi.h). */
export type ReaderClass = keyof typeof Reader;

export type Entries<K, V> = readonly (readonly [K, V])[];

/**
 * Every address that is captured: the Services' ports, and behind them the workloads' own, which the guard closes to
 * everybody else. An address that TCP and HTTP ports share needs a verdict: the stricter wins.
 */
export function desiredDestinations(topology: Topology): Entries<DestinationKey, Destination> {
  const found = new Map<string, [DestinationKey, Destination]>();
  const add = (ip: string, port: number, kind: number, flags: number): void => {
    const name = `${ip}:${port}`;
    const known = found.get(name)?.[1];
    if (known !== undefined && known.kind !== kind) {
      throw new ShuntError('E_CONFIG', `${name} is the address of a Service and of a workload; choose other CIDRs`);
    }
    found.set(name, [destinationKey(ip, port), { kind, flags: flags | (known?.flags ?? 0) }]);
  };
  for (const service of topology.model.services) {
    const serviceIp = address(topology.serviceIps, service.key, 'Service');
    for (const port of service.ports) {
      const flags = port.protocol === 'tcp' ? DestinationFlag.L4 : 0;
      add(serviceIp, port.port, DestinationKind.SERVICE, flags);
      for (const { workload, targetPort } of endpointsOf(topology.model, service, port)) {
        const workloadIp = address(topology.workloadIps, workload.key, 'Workload');
        add(workloadIp, targetPort, DestinationKind.WORKLOAD, flags);
      }
    }
  }
  return [...found.values()];
}

/** @param cgroupIdOf undefined for a workload that has no cgroup yet: it cannot connect, so it needs no verdict. */
export function desiredVerdicts(
  allowed: readonly L4Verdict[],
  cgroupIdOf: (workload: ResourceKey) => bigint | undefined,
): Entries<VerdictKey, number> {
  return allowed.flatMap(({ source, destination }) => {
    const cgroupId = cgroupIdOf(source);
    if (cgroupId === undefined) return [];
    return [[{ cgroupId, destination: destinationKey(destination.ip, destination.port) }, Verdict.ALLOW] as const];
  });
}

export function destinationKey(ip: string, port: number): DestinationKey {
  return { ipBe: ipToBe(ip), portBe: swapPort(port) };
}

function address(ips: Readonly<Record<ResourceKey, string>>, key: ResourceKey, kind: string): string {
  const ip = ips[key];
  if (ip === undefined) throw new ShuntError('E_CONFIG', `${kind} ${key} has no address in the topology`);
  return ip;
}

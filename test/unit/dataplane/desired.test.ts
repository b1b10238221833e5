import { describe, expect, it } from 'vitest';
import type { Model, ServicePort, Workload } from '../../../src/config/model.ts';
import type { Topology } from '../../../src/config/topology.ts';
import { ipFromBe, swapPort } from '../../../src/dataplane/address.ts';
import { desiredDestinations, desiredVerdicts } from '../../../src/dataplane/desired.ts';
import { DestinationFlag, DestinationKind } from '../../../src/generated/abi.ts';

const WORKLOAD: Workload = {
  key: 'default/api',
  name: 'api',
  namespace: 'default',
  labels: { app: 'api' },
  serviceAccount: 'api',
  fastPath: 'auto',
};

/** A topology of one workload and Services with these ports, each in front of it. */
function topology(...services: ServicePort[][]): Topology {
  const keys = services.map((_, index) => `default/s${index}` as const);
  const model: Model = {
    mesh: {
      trustDomain: 'cluster.local',
      network: {},
      fastPath: { enabled: true, promoteAfterSegments: 8, maxQueuedBytes: 1, greedyReaders: [] },
      proxy: {},
    },
    workloads: [WORKLOAD],
    services: services.map((ports, index) => ({
      key: keys[index]!,
      name: `s${index}`,
      namespace: 'default',
      selector: { app: 'api' },
      ports,
    })),
    policies: [],
    plugins: [],
  };
  return {
    instance: 'test',
    model,
    gatewayIp: '10.0.0.1',
    workloadCidr: '10.0.0.0/24',
    serviceCidr: '10.1.0.0/24',
    workloadIps: { 'default/api': '10.0.0.2' },
    serviceIps: Object.fromEntries(keys.map((key, index) => [key, `10.1.0.${index + 1}`])),
  };
}

const port = (number: number, targetPort: number, protocol: ServicePort['protocol']): ServicePort => ({
  name: `p${number}`,
  port: number,
  targetPort,
  protocol,
});

/** `address:port` -> [kind, flags]. */
function shown(wanted: Topology): Record<string, [number, number]> {
  const entries = desiredDestinations(wanted).map(
    ([{ ipBe, portBe }, { kind, flags }]) =>
      [`${ipFromBe(ipBe)}:${swapPort(portBe)}`, [kind, flags] as [number, number]] as const,
  );
  expect(new Set(entries.map(([name]) => name)).size).toBe(entries.length);
  return Object.fromEntries(entries);
}

const { SERVICE, WORKLOAD: OWN } = DestinationKind;
const { L4 } = DestinationFlag;

describe('desired destinations', () => {
  it("are the Services' ports and the ports of the workloads behind them", () => {
    expect(shown(topology([port(80, 8080, 'http'), port(5432, 5433, 'tcp')]))).toEqual({
      '10.1.0.1:80': [SERVICE, 0],
      '10.0.0.2:8080': [OWN, 0],
      '10.1.0.1:5432': [SERVICE, L4],
      '10.0.0.2:5433': [OWN, L4],
    });
  });

  it.each([
    ['http', 'tcp'],
    ['tcp', 'http'],
  ] as const)('need a verdict where %s and %s share a port of a workload', (first, second) => {
    expect(shown(topology([port(80, 8080, first)], [port(81, 8080, second)]))['10.0.0.2:8080']).toEqual([OWN, L4]);
  });

  it('are captured also when nothing is behind the Service', () => {
    const wanted = topology([port(80, 8080, 'http')]);
    const model = { ...wanted.model, workloads: [] };
    expect(shown({ ...wanted, model })).toEqual({ '10.1.0.1:80': [SERVICE, 0] });
  });

  it('are refused when a Service and a workload have one address and port', () => {
    const wanted = topology([port(80, 80, 'http')]);
    const clash = { ...wanted, serviceIps: { 'default/s0': '10.0.0.2' } };
    expect(() => desiredDestinations(clash)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
  });

  it('are refused when an address is missing', () => {
    const wanted = topology([port(80, 80, 'http')]);
    expect(() => desiredDestinations({ ...wanted, serviceIps: {} })).toThrow(/Service default\/s0 has no address/);
  });
});

describe('desired verdicts', () => {
  it('name the cgroup of the source, and skip a source that has none', () => {
    const destination = { ip: '10.1.0.1', port: 5432 };
    const allowed = [
      { source: 'default/api', destination },
      { source: 'default/gone', destination },
    ] as const;
    const verdicts = desiredVerdicts(allowed, (key) => (key === 'default/api' ? 7n : undefined));
    expect(verdicts).toEqual([[{ cgroupId: 7n, destination: { ipBe: 0x0100010a, portBe: swapPort(5432) } }, 1]]);
  });
});

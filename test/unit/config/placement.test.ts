import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contains, parseCidr, parseIpv4 } from '../../../src/config/ipv4.ts';
import { DEFAULT_MESH } from '../../../src/config/kinds/mesh.ts';
import type { Mesh, Model, Service, Workload } from '../../../src/config/model.ts';
import { placeTopology } from '../../../src/config/placement.ts';
import type { Topology } from '../../../src/config/topology.ts';
import type { ResourceKey } from '../../../src/instance.ts';

const options = { instance: 'default', busyCidrs: [] };

function modelOf(
  workloads: readonly string[],
  services: Record<string, string | undefined> = {},
  network: Mesh['network'] = {},
): Model {
  return {
    mesh: { ...DEFAULT_MESH, network },
    workloads: workloads.map(workload),
    services: Object.entries(services).map(([name, clusterIp]) => service(name, clusterIp)),
    policies: [],
    plugins: [],
  };
}

const workload = (name: string): Workload => ({
  key: `default/${name}`,
  name,
  namespace: 'default',
  labels: {},
  serviceAccount: 'default',
  fastPath: 'auto',
});

const service = (name: string, clusterIp: string | undefined): Service => ({
  key: `default/${name}`,
  name,
  namespace: 'default',
  ...(clusterIp === undefined ? {} : { clusterIp }),
  selector: { app: name },
  ports: [],
});

const names = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/), { maxLength: 60 });

/** What must hold of every topology. */
function check(topology: Topology): void {
  for (const [what, cidrText, ips] of [
    ['workload', topology.workloadCidr, topology.workloadIps],
    ['service', topology.serviceCidr, topology.serviceIps],
  ] as const) {
    const cidr = parseCidr(cidrText);
    expect(cidr).toBeDefined();
    const addresses = Object.values(ips);
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const [key, ip] of Object.entries(ips)) {
      if (topology.model.services.find((s) => s.key === key)?.clusterIp !== undefined && what === 'service') continue;
      const address = parseIpv4(ip) as number;
      expect(contains(cidr as never, address)).toBe(true);
      expect(address).not.toBe(cidr?.base);
      expect(address).not.toBe((cidr?.base ?? 0) + 2 ** (32 - (cidr?.prefix ?? 0)) - 1);
      if (what === 'workload') expect(ip).not.toBe(topology.gatewayIp);
    }
  }
}

describe('addresses', () => {
  test('never collide, are hosts of their network, and depend on the resources alone', () => {
    fc.assert(
      fc.property(names, names, (workloads, services) => {
        const model = modelOf(workloads, Object.fromEntries(services.map((name) => [name, undefined])));
        const topology = placeTopology(model, undefined, options);
        check(topology);
        const turned = { ...model, workloads: [...model.workloads].reverse(), services: [...model.services].reverse() };
        expect(placeTopology(turned, undefined, options).workloadIps).toEqual(topology.workloadIps);
        expect(placeTopology(turned, undefined, options).serviceIps).toEqual(topology.serviceIps);
      }),
      { numRuns: 100 },
    );
  });

  test('stay while their resource exists, whatever comes and goes', () => {
    fc.assert(
      fc.property(
        names,
        names,
        fc.array(fc.integer({ min: 1, max: 254 }), { maxLength: 5 }),
        (before, after, fixed) => {
          const first = placeTopology(
            modelOf(before, Object.fromEntries(before.map((name) => [name, undefined]))),
            undefined,
            options,
          );
          const base = first.serviceCidr.replace(/0\/24$/, '');
          const services = Object.fromEntries(
            after.map((name, index) => [
              name,
              new Set(fixed).size > index ? `${base}${[...new Set(fixed)][index]}` : undefined,
            ]),
          );
          const second = placeTopology(modelOf(after, services), first, options);
          check(second);
          const asked = new Set(Object.values(services));
          for (const name of after.filter((candidate) => before.includes(candidate))) {
            const key: ResourceKey = `default/${name}`;
            expect(second.workloadIps[key]).toBe(first.workloadIps[key]);
            if (services[name] !== undefined) expect(second.serviceIps[key]).toBe(services[name]);
            else if (!asked.has(first.serviceIps[key])) expect(second.serviceIps[key]).toBe(first.serviceIps[key]);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('a clusterIP takes its address from a Service that had it by chance', () => {
    const first = placeTopology(modelOf([], { a: undefined }), undefined, options);
    const ip = first.serviceIps['default/a'];
    const second = placeTopology(modelOf([], { a: undefined, b: ip }), first, options);
    expect(second.serviceIps['default/b']).toBe(ip);
    expect(second.serviceIps['default/a']).not.toBe(ip);
  });

  test('a /28 holds 13 workloads besides the gateway, and the 14th is refused', () => {
    const keys = Array.from({ length: 14 }, (_, index) => `w${index}`);
    const network = { workloadCidr: '10.9.0.0/28' };
    expect(
      Object.keys(placeTopology(modelOf(keys.slice(1), {}, network), undefined, options).workloadIps),
    ).toHaveLength(13);
    expect(() => placeTopology(modelOf(keys, {}, network), undefined, options)).toThrow(
      'workloadCidr 10.9.0.0/28 is full: 14 workloads, room for 13; set a larger spec.network.workloadCidr in the Mesh',
    );
  });

  test('move to the new network when the Mesh names another', () => {
    const first = placeTopology(modelOf(['a']), undefined, options);
    const second = placeTopology(modelOf(['a'], {}, { workloadCidr: '10.9.0.0/24' }), first, options);
    expect(second.gatewayIp).toBe('10.9.0.1');
    expect(second.workloadIps['default/a']).toMatch(/^10\.9\.0\./);
    expect(second.serviceCidr).toBe(first.serviceCidr);
  });
});

describe('networks', () => {
  const networkOf = (busyCidrs: string[], instance = 'default', services = {}, previous?: Topology) => {
    const { workloadCidr, serviceCidr } = placeTopology(modelOf([], services), previous, { instance, busyCidrs });
    return [workloadCidr, serviceCidr];
  };

  test('are 10.77.N.0/24 and 10.78.N.0/24, N by the name of the instance', () => {
    const [workloads, services] = networkOf([]);
    expect(workloads).toMatch(/^10\.77\.\d+\.0\/24$/);
    expect(services).toBe(workloads?.replace('10.77', '10.78'));
    expect(new Set(['a', 'b', 'c', 'd', 'e'].map((name) => networkOf([], name)[0])).size).toBeGreaterThan(3);
  });

  test('pass over those that the machine uses, the default route not counted', () => {
    const [workloads = '', services = ''] = networkOf([]);
    const [other] = networkOf([workloads.replace('.0/24', '.77/32'), '0.0.0.0/0']);
    expect(other).not.toBe(workloads);
    expect(networkOf([workloads])[1]).toBe(services);
    expect(() => networkOf(['10.0.0.0/8'])).toThrow('no free /24 in 10.77.0.0/16; set spec.network.workloadCidr');
  });

  test('stay when the machine uses them, because it is this instance that does', () => {
    const previous = placeTopology(modelOf([]), undefined, options);
    expect(networkOf(['10.0.0.0/8'], 'default', {}, previous)).toEqual([previous.workloadCidr, previous.serviceCidr]);
  });

  test('of workloads keep away from the clusterIPs', () => {
    const [workloads = ''] = networkOf([]);
    expect(networkOf([], 'default', { a: workloads.replace('.0/24', '.9') })[0]).not.toBe(workloads);
  });

  test('that the Mesh names must be free and apart', () => {
    const place = (network: Mesh['network'], services = {}) =>
      placeTopology(modelOf([], services, network), undefined, { instance: 'default', busyCidrs: ['192.168.1.0/24'] });
    expect(() => place({ serviceCidr: '192.168.0.0/16' })).toThrow(
      'serviceCidr 192.168.0.0/16 overlaps 192.168.1.0/24, which this machine uses',
    );
    expect(() => place({ workloadCidr: '10.9.0.0/24' }, { a: '10.9.0.4' })).toThrow(
      'clusterIP 10.9.0.4 is inside workloadCidr',
    );
    expect(() => place({ serviceCidr: '10.9.0.0/24' }, { a: '10.9.0.255' })).toThrow('is the first or last address');
  });
});

test('gives a newcomer no address that another leaves in the same change, as long as there are others', () => {
  const network = { workloadCidr: '10.1.0.0/28' };
  const before = placeTopology(modelOf(['a', 'b', 'c', 'd'], {}, network), undefined, options);
  const few = placeTopology(modelOf(['e', 'f', 'g', 'h'], {}, network), before, options);
  expect(Object.values(few.workloadIps).filter((ip) => Object.values(before.workloadIps).includes(ip))).toEqual([]);
  const many = placeTopology(modelOf([...'efghijklmnopq'], {}, network), before, options);
  expect(new Set(Object.values(many.workloadIps)).size).toBe(13);
});

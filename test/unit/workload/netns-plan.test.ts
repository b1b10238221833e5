import { describe, expect, test } from 'vitest';
import { instance } from '../../../src/instance.ts';
import {
  isPair,
  isRepaired,
  type NetnsState,
  netnsPlan,
  nodeDeviceName,
  nodeSysctls,
  repairsOf,
  WORKLOAD_SYSCTLS,
} from '../../../src/workload/netns-plan.ts';

const PLAN = netnsPlan(instance('test', '/cg'), 'default/web', { workloadIp: '10.77.0.3', gatewayIp: '10.77.0.1' });

/** What the machine looks like when nothing is missing. */
const DONE: NetnsState = {
  nodeDevice: {
    index: 7,
    peerIndex: 2,
    up: true,
    mtuBytes: 1500,
    mac: '02:01:0a:4d:00:03',
    alias: 'shunt:test:default/web',
    addresses: ['10.77.0.1/32'],
  },
  nodeRoutes: [{ destination: '10.77.0.3', source: '10.77.0.1' }],
  workloadDevice: {
    index: 2,
    peerIndex: 7,
    up: true,
    mtuBytes: 1500,
    mac: '02:00:0a:4d:00:03',
    alias: undefined,
    addresses: ['10.77.0.3/32'],
  },
  loopbackUp: true,
  workloadRoutes: [{ destination: 'default', gateway: '10.77.0.1' }, { destination: '10.77.0.1' }],
  nodeSysctls: nodeSysctls(PLAN),
  workloadSysctls: WORKLOAD_SYSCTLS,
};
const NODE = DONE.nodeDevice as NonNullable<NetnsState['nodeDevice']>;
const WORKLOAD = DONE.workloadDevice as NonNullable<NetnsState['workloadDevice']>;

describe('a plan', () => {
  test('names everything after the workload and its address', () => {
    expect(PLAN).toMatchObject({
      netns: 'shunt.test.default.web',
      netnsPath: '/run/netns/shunt.test.default.web',
      nodeDevice: 'sh0a4d0003',
      alias: 'shunt:test:default/web',
    });
  });

  test('device names fit into Linux’s 15 characters', () => {
    expect(nodeDeviceName('255.255.255.255')).toBe('shffffffff');
  });

  test('hardware addresses are unicast and locally administered', () => {
    for (const mac of [PLAN.nodeMac, PLAN.workloadMac]) expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
    expect(PLAN.nodeMac).not.toBe(PLAN.workloadMac);
  });
});

describe('repairs', () => {
  test('none when all is as wanted', () => {
    expect(isRepaired(repairsOf(PLAN, DONE))).toBe(true);
  });

  test.each<[string, Partial<NetnsState>, ReturnType<typeof repairsOf>['node'] | readonly string[]]>([
    ['the node’s device is down', { nodeDevice: { ...NODE, up: false } }, ['link set dev sh0a4d0003 up']],
    [
      'the node’s device has another MTU',
      { nodeDevice: { ...NODE, mtuBytes: 9000 } },
      ['link set dev sh0a4d0003 mtu 1500'],
    ],
    [
      'the gateway’s address is not there and another one is',
      { nodeDevice: { ...NODE, addresses: ['10.1.1.1/24'] } },
      ['address delete 10.1.1.1/24 dev sh0a4d0003', 'address replace 10.77.0.1/32 dev sh0a4d0003'],
    ],
    [
      'the alias is missing',
      { nodeDevice: { ...NODE, alias: undefined } },
      ['link set dev sh0a4d0003 alias shunt:test:default/web'],
    ],
    [
      'the route has another source',
      { nodeRoutes: [{ destination: '10.77.0.3' }] },
      ['route replace 10.77.0.3/32 dev sh0a4d0003 scope link src 10.77.0.1'],
    ],
  ])('of the node: %s', (_, change, node) => {
    const repairs = repairsOf(PLAN, { ...DONE, ...change });
    expect(repairs).toEqual({ node, workload: [], nodeSysctls: {}, workloadSysctls: {} });
  });

  test.each<[string, Partial<NetnsState>, readonly string[]]>([
    ['lo is down', { loopbackUp: false }, ['link set dev lo up']],
    [
      'the address is missing',
      { workloadDevice: { ...WORKLOAD, addresses: [] } },
      ['address replace 10.77.0.3/32 dev eth0'],
    ],
    [
      'the routes are missing, the gateway’s first',
      { workloadRoutes: [] },
      ['route replace 10.77.0.1/32 dev eth0 scope link', 'route replace default via 10.77.0.1 dev eth0'],
    ],
    [
      'the default route leads elsewhere',
      { workloadRoutes: [{ destination: 'default', gateway: '10.77.0.9' }, { destination: '10.77.0.1' }] },
      ['route replace default via 10.77.0.1 dev eth0'],
    ],
  ])('of the workload: %s', (_, change, workload) => {
    const repairs = repairsOf(PLAN, { ...DONE, ...change });
    expect(repairs).toEqual({ node: [], workload, nodeSysctls: {}, workloadSysctls: {} });
  });

  test('sysctls that differ are written, those that the kernel does not have are not', () => {
    const forwarding = 'net/ipv4/conf/sh0a4d0003/forwarding';
    const { nodeSysctls: sysctls } = repairsOf(PLAN, { ...DONE, nodeSysctls: { [forwarding]: '0' } });
    expect(sysctls).toEqual({ [forwarding]: '1' });
  });
});

describe('a pair', () => {
  test('is two devices that name each other', () => {
    expect(isPair(DONE)).toBe(true);
    expect(isPair({ ...DONE, nodeDevice: undefined })).toBe(false);
    expect(isPair({ ...DONE, workloadDevice: undefined })).toBe(false);
    expect(isPair({ ...DONE, nodeDevice: { ...NODE, peerIndex: 3 } })).toBe(false);
    expect(isPair({ ...DONE, workloadDevice: { ...WORKLOAD, peerIndex: 8 } })).toBe(false);
  });
});

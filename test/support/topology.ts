/** Builds a Topology for tests from the few things that a test cares about. Pure. */
import type {
  AuthorizationPolicy,
  Mesh,
  Model,
  RunSpec,
  Service,
  ServicePort,
  WasmPlugin,
  Workload,
} from '../../src/config/model.ts';
import type { Topology } from '../../src/config/topology.ts';
import type { ResourceKey } from '../../src/instance.ts';

export interface TestService {
  readonly key: ResourceKey;
  /** Label `app` of the workloads behind it. Default: its own name. */
  readonly app?: string;
  readonly ports: readonly ServicePort[];
}

export interface TestTopology {
  readonly instance?: string;
  /** Keys; the label `app` is the name up to a digit at its end, so that api1 and api2 are one application. */
  readonly workloads: readonly ResourceKey[];
  readonly services?: readonly TestService[];
  readonly policies?: readonly AuthorizationPolicy[];
  readonly plugins?: readonly WasmPlugin[];
  readonly run?: Readonly<Record<ResourceKey, RunSpec>>;
  /** First three octets of the workloads' addresses. Default 10.77.0. */
  readonly workloadNet?: string;
  readonly mesh?: Partial<Mesh>;
}

export const TEST_MESH: Mesh = {
  trustDomain: 'cluster.local',
  network: {},
  fastPath: { enabled: true, promoteAfterSegments: 8, maxQueuedBytes: 1 << 20, greedyReaders: [] },
  proxy: {},
};

/** Workloads get .2, .3, … of the net, Services 10.97.0.1, … in the order in which they are given; the gateway is .1. */
export function testTopology(options: TestTopology): Topology {
  const { instance = 'test', services = [], policies = [], plugins = [], workloadNet = '10.77.0', mesh = {} } = options;
  const model: Model = {
    mesh: { ...TEST_MESH, ...mesh },
    workloads: options.workloads.map((key) => testWorkload(key, options.run?.[key])),
    services: services.map(testService),
    policies,
    plugins,
  };
  return {
    instance,
    model,
    gatewayIp: `${workloadNet}.1`,
    workloadCidr: `${workloadNet}.0/24`,
    serviceCidr: '10.97.0.0/24',
    workloadIps: Object.fromEntries(options.workloads.map((key, index) => [key, `${workloadNet}.${index + 2}`])),
    serviceIps: Object.fromEntries(services.map(({ key }, index) => [key, `10.97.0.${index + 1}`])),
  };
}

export function testWorkload(key: ResourceKey, run?: RunSpec): Workload {
  const [namespace = '', name = ''] = key.split('/');
  return {
    key,
    name,
    namespace,
    labels: { app: name.replace(/\d+$/, '') },
    serviceAccount: name.replace(/\d+$/, ''),
    fastPath: 'auto',
    ...(run === undefined ? {} : { run }),
  };
}

function testService({ key, app, ports }: TestService): Service {
  const [namespace = '', name = ''] = key.split('/');
  return { key, name, namespace, selector: { app: app ?? name }, ports };
}

/** Topology <-> the text of `topology.json` in the state directory. Pure. */
import { Ajv } from 'ajv';
import Type, { type Static } from 'typebox';
import { ShuntError } from '../errors.ts';
import { formatPath } from './problems.ts';
import type { Topology } from './topology.ts';

/** Raised when an older shunt could not read what a newer one writes, or the other way round. */
const FORMAT = 1;

const strict = { additionalProperties: false };
const Texts = Type.Record(Type.String(), Type.String());
const List = Type.Array(Type.String());
const Key = Type.Unsafe<`${string}/${string}`>(Type.String({ pattern: '^[^/]+/[^/]+$' }));
const named = { key: Key, name: Type.String(), namespace: Type.String() };
const optional = Type.Optional;
const Addresses = Type.Record(Type.String(), Type.String({ pattern: '^\\d+\\.\\d+\\.\\d+\\.\\d+$' }));

const Mesh = Type.Object(
  {
    trustDomain: Type.String(),
    network: Type.Object({ workloadCidr: optional(Type.String()), serviceCidr: optional(Type.String()) }, strict),
    fastPath: Type.Object(
      {
        enabled: Type.Boolean(),
        promoteAfterSegments: Type.Integer(),
        maxQueuedBytes: Type.Integer(),
        greedyReaders: List,
      },
      strict,
    ),
    proxy: Type.Object({ concurrency: optional(Type.Integer()) }, strict),
  },
  strict,
);

const Workload = Type.Object(
  {
    ...named,
    labels: Texts,
    serviceAccount: Type.String(),
    run: optional(
      Type.Object(
        {
          command: List,
          env: Texts,
          user: optional(Type.String()),
          workingDir: Type.String(),
          restart: Type.Enum(['always', 'never']),
        },
        strict,
      ),
    ),
    fastPath: Type.Enum(['auto', 'sender-only', 'off']),
  },
  strict,
);

const Service = Type.Object(
  {
    ...named,
    clusterIp: optional(Type.String()),
    selector: Texts,
    ports: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          port: Type.Integer(),
          targetPort: Type.Integer(),
          protocol: Type.Enum(['http', 'http2', 'tcp']),
        },
        strict,
      ),
    ),
  },
  strict,
);

const Policy = Type.Object(
  {
    ...named,
    action: Type.Enum(['ALLOW', 'DENY', 'AUDIT']),
    dryRun: optional(Type.Literal(true)),
    selector: optional(Texts),
    rules: Type.Array(
      Type.Object(
        {
          from: Type.Array(
            Type.Object(
              {
                principals: optional(List),
                notPrincipals: optional(List),
                namespaces: optional(List),
                notNamespaces: optional(List),
                ipBlocks: optional(List),
                notIpBlocks: optional(List),
                remoteIpBlocks: optional(List),
                notRemoteIpBlocks: optional(List),
                requestPrincipals: optional(List),
                notRequestPrincipals: optional(List),
              },
              strict,
            ),
          ),
          to: Type.Array(
            Type.Object(
              {
                hosts: optional(List),
                notHosts: optional(List),
                methods: optional(List),
                notMethods: optional(List),
                paths: optional(List),
                notPaths: optional(List),
                ports: optional(List),
                notPorts: optional(List),
              },
              strict,
            ),
          ),
          when: optional(
            Type.Array(Type.Object({ key: Type.String(), values: optional(List), notValues: optional(List) }, strict)),
          ),
        },
        strict,
      ),
    ),
  },
  strict,
);

const Plugin = Type.Object(
  {
    ...named,
    selector: optional(Texts),
    module: Type.String(),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    phase: Type.Enum(['AUTHN', 'AUTHZ', 'STATS', 'UNSPECIFIED_PHASE']),
    priority: Type.Integer(),
    failStrategy: Type.Enum(['FAIL_CLOSE', 'FAIL_OPEN']),
    pluginName: Type.String(),
    pluginConfig: optional(Type.String()),
    env: Texts,
  },
  strict,
);

const TopologyFile = Type.Object(
  {
    format: Type.Enum([FORMAT]),
    instance: Type.String(),
    model: Type.Object(
      {
        mesh: Mesh,
        workloads: Type.Array(Workload),
        services: Type.Array(Service),
        policies: Type.Array(Policy),
        plugins: Type.Array(Plugin),
      },
      strict,
    ),
    gatewayIp: Type.String(),
    workloadCidr: Type.String(),
    serviceCidr: Type.String(),
    workloadIps: Addresses,
    serviceIps: Addresses,
  },
  strict,
);

const isTopologyFile = new Ajv({ allErrors: false, strict: true }).compile<Static<typeof TopologyFile>>(TopologyFile);

/** Equal topologies give equal text. */
export function serializeTopology(topology: Topology): string {
  return `${JSON.stringify({ format: FORMAT, ...topology }, null, 2)}\n`;
}

/**
 * @param file for the message
 * @throws E_CONFIG when the text is damaged, or was written by another version of shunt.
 */
export function parseTopology(text: string, file = 'topology.json'): Topology {
  const refuse = (what: string): ShuntError =>
    new ShuntError('E_CONFIG', `${file}: ${what}; run \`shunt down\`, then \`shunt up\``);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('no valid JSON');
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (typeof format === 'number' && format !== FORMAT) throw refuse(`format ${format}, this shunt reads ${FORMAT}`);
  if (!isTopologyFile(value)) {
    const error = isTopologyFile.errors?.[0];
    throw refuse(`${formatPath((error?.instancePath ?? '').split('/').slice(1))} ${error?.message ?? 'is invalid'}`);
  }
  const { format: _, ...topology } = value;
  checkKeys(topology.model.workloads, topology.workloadIps, refuse);
  checkKeys(topology.model.services, topology.serviceIps, refuse);
  return topology as Topology;
}

/** Every resource has an address and every address a resource: all that reads a topology relies on it. */
function checkKeys(resources: readonly { key: string }[], ips: object, refuse: (what: string) => ShuntError): void {
  const keys = new Set(resources.map(({ key }) => key));
  for (const key of keys) if (!Object.hasOwn(ips, key)) throw refuse(`${key} has no address`);
  for (const key of Object.keys(ips)) if (!keys.has(key)) throw refuse(`an address for ${key}, which is no resource`);
}

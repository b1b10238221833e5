import Type, { type Static } from 'typebox';
import { cidrSize, hasHostBits, overlaps, parseCidr, reservedFor } from '../ipv4.ts';
import type { Mesh } from '../model.ts';
import { type Path, shown } from '../problems.ts';
import { fields, MeshMetadata, resource } from './fields.ts';
import type { Kind, Reject } from './kind.ts';

const CIDR = 'an IPv4 network /16 to /28, such as 10.77.0.0/24';

const Spec = fields({
  trustDomain: Type.Optional(
    Type.String({
      pattern: '^[a-z0-9]([-a-z0-9._]*[a-z0-9])?$',
      maxLength: 255,
      description: 'First part of every principal. Default `cluster.local`.',
      expected: 'a SPIFFE trust domain (a-z, 0-9, -, _ and ., at most 255 characters)',
    }),
  ),
  network: Type.Optional(
    fields({
      workloadCidr: Type.Optional(
        Type.String({
          description:
            'Addresses of workloads, IPv4, /16 to /28. Default: a /24 below 10.77.0.0/16 that is free on this machine, ' +
            'chosen at the first `up`.',
          expected: CIDR,
        }),
      ),
      serviceCidr: Type.Optional(
        Type.String({
          description:
            'Addresses of Services, IPv4, /16 to /28. Default: a /24 below 10.78.0.0/16 that is free on this machine.',
          expected: CIDR,
        }),
      ),
    }),
  ),
  fastPath: Type.Optional(
    fields({
      enabled: Type.Optional(
        Type.Boolean({
          description: 'Default `true`. `false`: no program of the fast path is loaded.',
          expected: 'true or false',
        }),
      ),
      promoteAfterSegments: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 65535,
          description:
            'TCP segments that a socket receives before it is promoted. Default 8: no connection of one request is promoted.',
          expected: 'a number from 1 to 65535',
        }),
      ),
      maxQueuedBytes: Type.Optional(
        Type.Integer({
          minimum: 1024,
          maximum: 2 ** 30,
          description:
            'Most bytes redirected, in a direction, towards a reader that has not emptied its queue yet. Default 1048576.',
          expected: 'a number of bytes from 1024 to 1073741824',
        }),
      ),
      greedyReaders: Type.Optional(
        Type.Array(
          Type.String({
            pattern: '^[^/]+$',
            maxLength: 255,
            expected: 'the base name of an executable, without a path',
          }),
          {
            maxItems: 64,
            uniqueItems: true,
            description:
              'Base names of executables that wait edge-triggered but read until EAGAIN, beyond the built-in list. ' +
              'A program that does not read so can hang.',
            expected: 'a list of at most 64 different names',
          },
        ),
      ),
    }),
  ),
  proxy: Type.Optional(
    fields({
      concurrency: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 1024,
          description: 'Worker threads of Envoy. Default: the number of CPUs.',
          expected: 'a number from 1 to 1024',
        }),
      ),
    }),
  ),
});

const apiVersions = ['shunt.dev/v1alpha1'];

const schema = resource('Mesh', apiVersions, { metadata: MeshMetadata, spec: Type.Optional(Spec) });

/** The Mesh where there is no such resource. */
export const DEFAULT_MESH: Mesh = build(undefined, () => {});

export const meshKind: Kind<Static<typeof Spec>, Mesh> = {
  name: 'Mesh',
  summary: 'What holds for the whole instance. At most one; all fields have defaults.',
  apiVersions,
  schema,
  build: ({ spec }, reject) => build(spec, reject),
  example: `\
apiVersion: shunt.dev/v1alpha1
kind: Mesh
metadata:
  name: mesh
spec:
  trustDomain: cluster.local
  network:
    workloadCidr: 10.77.0.0/24
    serviceCidr: 10.78.0.0/24
  fastPath:
    enabled: true
    promoteAfterSegments: 8
    maxQueuedBytes: 1048576
    greedyReaders: [my-proxy]
  proxy:
    concurrency: 2
`,
};

function build(spec: Static<typeof Spec> | undefined, reject: Reject): Mesh {
  const { workloadCidr, serviceCidr } = spec?.network ?? {};
  checkCidr(workloadCidr, ['spec', 'network', 'workloadCidr'], reject);
  checkCidr(serviceCidr, ['spec', 'network', 'serviceCidr'], reject);
  const workloads = parseCidr(workloadCidr ?? '');
  const services = parseCidr(serviceCidr ?? '');
  if (workloads !== undefined && services !== undefined && overlaps(workloads, services)) {
    const what = `serviceCidr ${serviceCidr} overlaps workloadCidr ${workloadCidr}`;
    reject(['spec', 'network', 'serviceCidr'], what, 'two separate networks');
  }
  return {
    trustDomain: spec?.trustDomain ?? 'cluster.local',
    network: {
      ...(workloadCidr === undefined ? {} : { workloadCidr }),
      ...(serviceCidr === undefined ? {} : { serviceCidr }),
    },
    fastPath: {
      enabled: spec?.fastPath?.enabled ?? true,
      promoteAfterSegments: spec?.fastPath?.promoteAfterSegments ?? 8,
      maxQueuedBytes: spec?.fastPath?.maxQueuedBytes ?? 1024 * 1024,
      greedyReaders: [...(spec?.fastPath?.greedyReaders ?? [])].sort(),
    },
    proxy: spec?.proxy?.concurrency === undefined ? {} : { concurrency: spec.proxy.concurrency },
  };
}

function checkCidr(text: string | undefined, path: Path, reject: Reject): void {
  if (text === undefined) return;
  const cidr = parseCidr(text);
  const name = String(path.at(-1));
  if (cidr === undefined || cidrSize(cidr) > 2 ** 16 || cidrSize(cidr) < 2 ** 4) {
    reject(path, `${name} is ${shown(text)}`, CIDR);
  } else if (hasHostBits(text, cidr)) {
    reject(path, `${name} ${text} is an address in a network`, 'a network: no bits set beyond the prefix');
  } else {
    const reserved = reservedFor(cidr);
    if (reserved !== undefined) reject(path, `${name} ${text} is ${reserved}`, 'a unicast network');
  }
}

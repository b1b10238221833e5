import Type, { type Static } from 'typebox';
import type { RunSpec, Workload } from '../model.ts';
import { DEFAULT_NAMESPACE, fields, Metadata, resource } from './fields.ts';
import type { Kind } from './kind.ts';

const Run = fields(
  {
    command: Type.Array(Type.String({ expected: 'text' }), {
      minItems: 1,
      maxItems: 1000,
      description: 'Program and arguments. The program is looked up in PATH. No shell.',
      expected: 'a list of texts, the program first',
    }),
    env: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]*$' }),
        Type.String({ expected: 'text (numbers and true need quotes)' }),
        {
          additionalProperties: false,
          description: 'Environment, added to a minimal one.',
          expected: 'a map NAME: value',
          names: "a variable's name: letters, digits and _, no digit first",
        },
      ),
    ),
    user: Type.Optional(
      Type.String({
        pattern: '^[a-z_][-a-z0-9_]{0,30}[$]?$',
        description: 'User name to run as. Default `root`.',
        expected: "a user's name",
      }),
    ),
    workingDir: Type.Optional(
      Type.String({
        pattern: '^/',
        maxLength: 4095,
        description: 'Default `/`.',
        expected: 'an absolute path',
      }),
    ),
    restart: Type.Optional(
      Type.Enum(['always', 'never'], {
        description: '`always` (default): started again, with back-off, when it exits.',
        expected: 'always or never',
      }),
    ),
  },
  {
    description: 'Absent: the network namespace is made and the command comes from elsewhere (`shunt run`).',
    refused: {
      args: 'not supported by shunt; put the arguments into command',
      image: 'not supported by shunt, which runs programs of this machine',
      shell: 'not supported by shunt; write command: [sh, -c, …]',
    },
  },
);

const Spec = fields(
  {
    serviceAccount: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
        maxLength: 253,
        description: 'Default `default`. The principal is TRUSTDOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT.',
        expected: 'a name (a-z, 0-9, - and ., at most 253 characters)',
      }),
    ),
    run: Type.Optional(Run),
    fastPath: Type.Optional(
      Type.Enum(['auto', 'sender-only', 'off'], {
        description:
          '`auto` (default): the kernel decides for each reader. `sender-only`: nothing is redirected to its sockets. ' +
          '`off`: its sockets are never promoted.',
        expected: 'auto, sender-only or off',
      }),
    ),
  },
  {
    refused: {
      labels: 'not supported by shunt; labels are in metadata.labels',
      containers: 'not supported by shunt, which runs programs of this machine; see spec.run',
      serviceAccountName: 'a Pod has it; here it is serviceAccount',
      placement: 'not supported by this version; all workloads use the proxy of the node',
    },
  },
);

const apiVersions = ['shunt.dev/v1alpha1'];

export const workloadKind: Kind<Static<typeof Spec>, Workload> = {
  name: 'Workload',
  summary: 'A program with an identity: a control group and a network namespace of its own, and a service account.',
  apiVersions,
  schema: resource('Workload', apiVersions, { metadata: Metadata, spec: Type.Optional(Spec) }),
  build: ({ metadata, spec }, reject) => {
    const { name, namespace = DEFAULT_NAMESPACE, labels = {} } = metadata;
    if (spec?.run?.command[0] === '') reject(['spec', 'run', 'command', 0], 'the program is ""', 'its name or path');
    return {
      key: `${namespace}/${name}`,
      name,
      namespace,
      labels: sortedByName(labels),
      serviceAccount: spec?.serviceAccount ?? 'default',
      ...(spec?.run === undefined ? {} : { run: runSpec(spec.run) }),
      fastPath: spec?.fastPath ?? 'auto',
    };
  },
  example: `\
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata:
  name: api
  namespace: shop
  labels:
    app: api
spec:
  serviceAccount: api
  run:
    command: [node, server.ts]
    env:
      PORT: "8080"
    user: nobody
    workingDir: /srv/api
    restart: always
  fastPath: auto
`,
};

function runSpec(run: Static<typeof Run>): RunSpec {
  return {
    command: [...run.command],
    env: sortedByName(run.env ?? {}),
    ...(run.user === undefined ? {} : { user: run.user }),
    workingDir: run.workingDir ?? '/',
    restart: run.restart ?? 'always',
  };
}

/** A plain copy in the order of the names, so that equal maps have equal JSON. */
export function sortedByName(map: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

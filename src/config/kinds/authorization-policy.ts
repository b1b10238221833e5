import Type, { type Static } from 'typebox';
import type { AuthorizationPolicy, PolicyRule } from '../model.ts';
import { DEFAULT_NAMESPACE, fields, Labels, Metadata, resource } from './fields.ts';
import type { Kind } from './kind.ts';
import { checkMethod, checkNamespace, checkPath, checkPort, checkPrincipal } from './policy-values.ts';
import { sortedByName } from './workload.ts';

const UNSUPPORTED = 'Istio has it; not supported by shunt';

const Values = (description: string, each = 'text that is not empty') =>
  Type.Array(Type.String({ minLength: 1, expected: each }), {
    minItems: 1,
    maxItems: 1000,
    description,
    expected: 'a list of at least one text',
  });

const Source = fields(
  {
    principals: Type.Optional(Values('Identities: TRUSTDOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT, without `spiffe://`.')),
    namespaces: Type.Optional(Values('Namespaces of the calling workload.')),
  },
  {
    minProperties: 1,
    expected: 'a map with principals or namespaces',
    refused: Object.fromEntries(
      [
        ...['notPrincipals', 'notNamespaces', 'requestPrincipals', 'notRequestPrincipals', 'serviceAccounts'],
        ...['notServiceAccounts', 'ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'],
      ].map((name) => [name, UNSUPPORTED]),
    ),
  },
);

const Operation = fields(
  {
    methods: Type.Optional(Values('HTTP methods.')),
    paths: Type.Optional(
      Values(
        'Paths, without query and fragment. Also templates: `{*}` is one segment that is not empty, `{**}` any text, also ' +
          'none; `{**}` is the last of them.',
      ),
    ),
    ports: Type.Optional(Values('Ports of the workload (`targetPort`), as text.', 'a port as text, such as "8080"')),
  },
  {
    minProperties: 1,
    expected: 'a map with methods, paths or ports',
    refused: Object.fromEntries(
      ['hosts', 'notHosts', 'notPorts', 'notMethods', 'notPaths'].map((name) => [name, UNSUPPORTED]),
    ),
  },
);

const Rule = fields(
  {
    from: Type.Optional(
      Type.Array(fields({ source: Source }, { expected: 'a map with source' }), {
        minItems: 1,
        maxItems: 1000,
        description: 'Who calls; any of them. Absent: anyone.',
        expected: 'a list of at least one source',
      }),
    ),
    to: Type.Optional(
      Type.Array(fields({ operation: Operation }, { expected: 'a map with operation' }), {
        minItems: 1,
        maxItems: 1000,
        description: 'What is asked for; any of them. Absent: anything.',
        expected: 'a list of at least one operation',
      }),
    ),
  },
  {
    description: 'Matches when any of `from` and any of `to` match. `{}` matches everything.',
    refused: { when: UNSUPPORTED },
  },
);

const Spec = fields(
  {
    selector: Type.Optional(
      fields(
        { matchLabels: Labels('All must be equal. Empty: as without a selector.') },
        {
          description:
            'Absent: every workload of the namespace; in the namespace `istio-system` every workload of the mesh.',
          refused: { matchExpressions: 'not supported by Istio, nor by shunt' },
        },
      ),
    ),
    action: Type.Optional(
      Type.Enum(['ALLOW', 'DENY'], {
        description: 'Default `ALLOW`.',
        expected: 'ALLOW or DENY; AUDIT and CUSTOM are not supported by shunt',
      }),
    ),
    rules: Type.Optional(
      Type.Array(Rule, {
        maxItems: 1000,
        description: 'Matches when any of them does. None: never matches, so that an ALLOW policy denies everything.',
        expected: 'a list of at most 1000 rules',
      }),
    ),
  },
  { refused: { targetRef: UNSUPPORTED, targetRefs: UNSUPPORTED, provider: UNSUPPORTED } },
);

const apiVersions = ['security.istio.io/v1', 'security.istio.io/v1beta1'];

export const authorizationPolicyKind: Kind<Static<typeof Spec>, AuthorizationPolicy> = {
  name: 'AuthorizationPolicy',
  summary: 'Who may ask a workload for what. The semantics are those of Istio.',
  apiVersions,
  schema: resource('AuthorizationPolicy', apiVersions, { metadata: Metadata, spec: Spec }),
  build: ({ metadata, spec }, reject) => {
    const { name, namespace = DEFAULT_NAMESPACE } = metadata;
    const { action = 'ALLOW', selector, rules = [] } = spec as Static<typeof Spec>;
    if (action === 'DENY' && rules.length === 0) {
      reject(['spec'], 'a DENY policy without rules never denies', 'rules; `rules: [{}]` denies everything');
    }
    for (const [index, rule] of rules.entries()) {
      const path = ['spec', 'rules', index];
      for (const [at, { source }] of (rule.from ?? []).entries()) {
        checkEach(source.principals, [...path, 'from', at, 'source', 'principals'], checkPrincipal);
        checkEach(source.namespaces, [...path, 'from', at, 'source', 'namespaces'], checkNamespace);
      }
      for (const [at, { operation }] of (rule.to ?? []).entries()) {
        checkEach(operation.methods, [...path, 'to', at, 'operation', 'methods'], checkMethod);
        checkEach(operation.paths, [...path, 'to', at, 'operation', 'paths'], checkPath);
        checkEach(operation.ports, [...path, 'to', at, 'operation', 'ports'], checkPort);
      }
    }
    const labels = sortedByName(selector?.matchLabels ?? {});
    return {
      key: `${namespace}/${name}`,
      name,
      namespace,
      action,
      ...(Object.keys(labels).length === 0 ? {} : { selector: labels }),
      rules: rules.map(policyRule),
    };

    function checkEach(
      values: readonly string[] | undefined,
      path: (string | number)[],
      check: (value: string) => { what: string; expected: string } | undefined,
    ): void {
      for (const [index, value] of (values ?? []).entries()) {
        const mistake = check(value);
        if (mistake !== undefined) reject([...path, index], mistake.what, mistake.expected);
      }
    }
  },
  example: `\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: api-readers
  namespace: shop
spec:
  selector:
    matchLabels:
      app: api
  action: ALLOW
  rules:
    - from:
        - source:
            principals: [cluster.local/ns/shop/sa/web]
        - source:
            namespaces: [monitoring]
      to:
        - operation:
            methods: [GET, HEAD]
            paths: [/api/*, "/items/{*}/price"]
            ports: ["8080"]
`,
};

function policyRule(rule: Static<typeof Rule>): PolicyRule {
  return {
    from: (rule.from ?? []).map(({ source }) => copyLists(source)),
    to: (rule.to ?? []).map(({ operation }) => copyLists(operation)),
  };
}

/** A plain copy (the maps of a document have no prototype) without absent fields. */
function copyLists<T extends object>(lists: T): T {
  return Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, [...values]])) as T;
}

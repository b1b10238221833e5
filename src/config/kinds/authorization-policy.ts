import Type, { type Static } from 'typebox';
import type { AuthorizationPolicy, PolicyRule } from '../model.ts';
import { type Path, shown } from '../problems.ts';
import { DEFAULT_NAMESPACE, fields, Labels, Metadata, resource } from './fields.ts';
import type { Kind, Reject } from './kind.ts';
import { type Check, CONDITION_KEY, CONDITION_KEYS, checkKey, FIELD_CHECKS, KEY_CHECKS } from './policy-values.ts';
import { sortedByName } from './workload.ts';

const UNSUPPORTED = 'Istio has it; not supported by shunt';

const IP_BLOCK = 'an address or a network, such as 10.0.0.0/8';

const Values = (description: string, each = 'text that is not empty') =>
  Type.Array(Type.String({ minLength: 1, expected: each }), {
    minItems: 1,
    maxItems: 1000,
    description,
    expected: 'a list of at least one text',
  });

const NONE_OF = 'None of these.';

const Source = fields(
  {
    principals: Type.Optional(Values('Identities: TRUSTDOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT, without `spiffe://`.')),
    notPrincipals: Type.Optional(Values(NONE_OF)),
    namespaces: Type.Optional(Values('Namespaces of the calling workload.')),
    notNamespaces: Type.Optional(Values(NONE_OF)),
    ipBlocks: Type.Optional(Values('Addresses of the calling workload: IPv4 or IPv6, single or networks.', IP_BLOCK)),
    notIpBlocks: Type.Optional(Values(NONE_OF, IP_BLOCK)),
    remoteIpBlocks: Type.Optional(
      Values(
        'As `ipBlocks`, of whom the proxy takes the request to be from: the last address in `x-forwarded-for`, which the ' +
          'calling workload writes, else its own.',
        IP_BLOCK,
      ),
    ),
    notRemoteIpBlocks: Type.Optional(Values(NONE_OF, IP_BLOCK)),
    requestPrincipals: Type.Optional(
      Values('ISSUER/SUBJECT of the token that a `jwt_authn` filter verified (`payload_in_metadata: payload`).'),
    ),
    notRequestPrincipals: Type.Optional(Values(NONE_OF)),
  },
  {
    minProperties: 1,
    expected:
      'a map with principals, namespaces, ipBlocks, remoteIpBlocks or requestPrincipals, or one of them with not',
    refused: { serviceAccounts: UNSUPPORTED, notServiceAccounts: UNSUPPORTED },
  },
);

const Operation = fields(
  {
    hosts: Type.Optional(
      Values(
        'Of the `host` header (`:authority`), in any case. With its port: `api`, `api:*`.',
        'a host as it is sent',
      ),
    ),
    notHosts: Type.Optional(Values(NONE_OF, 'a host as it is sent')),
    methods: Type.Optional(Values('HTTP methods.')),
    notMethods: Type.Optional(Values(NONE_OF)),
    paths: Type.Optional(
      Values(
        'Paths, without query and fragment. Also templates: `{*}` is one segment that is not empty, `{**}` any text, also ' +
          'none; `{**}` is the last of them.',
      ),
    ),
    notPaths: Type.Optional(Values(NONE_OF)),
    ports: Type.Optional(Values('Ports of the workload (`targetPort`), as text.', 'a port as text, such as "8080"')),
    notPorts: Type.Optional(Values(NONE_OF, 'a port as text, such as "8080"')),
  },
  {
    minProperties: 1,
    expected: 'a map with hosts, methods, paths or ports, or one of them with not',
  },
);

const Condition = fields(
  {
    key: Type.String({
      description: `One of ${CONDITION_KEYS.map((key) => `\`${key}\``).join(', ')}.`,
      expected: CONDITION_KEY,
    }),
    values: Type.Optional(Values('Any of these.')),
    notValues: Type.Optional(Values(NONE_OF)),
  },
  { expected: 'a map with key, and values or notValues' },
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
    when: Type.Optional(
      Type.Array(Condition, {
        minItems: 1,
        maxItems: 1000,
        description: 'All of them. Absent: nothing more.',
        expected: 'a list of at least one condition',
      }),
    ),
  },
  { description: 'Matches when any of `from`, any of `to` and all of `when` match. `{}` matches everything.' },
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
      Type.Enum(['ALLOW', 'DENY', 'AUDIT'], {
        description: 'Default `ALLOW`. `AUDIT`: requests that match are counted and logged; it decides nothing.',
        expected: 'ALLOW, DENY or AUDIT; CUSTOM (an external authorizer) is not supported by shunt',
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
    if (action !== 'ALLOW' && rules.length === 0) {
      const verb = action === 'DENY' ? 'denies' : 'audits';
      reject(
        ['spec'],
        `${action === 'DENY' ? 'a DENY' : 'an AUDIT'} policy without rules never ${verb}`,
        `rules; \`rules: [{}]\` ${verb} everything`,
      );
    }
    const dryRun = readDryRun(metadata.annotations?.[DRY_RUN], action, reject);
    for (const [index, rule] of rules.entries()) {
      const path = ['spec', 'rules', index];
      for (const [at, { source }] of (rule.from ?? []).entries()) {
        checkFields(source, [...path, 'from', at, 'source'], reject);
      }
      for (const [at, { operation }] of (rule.to ?? []).entries()) {
        checkFields(operation, [...path, 'to', at, 'operation'], reject);
      }
      for (const [at, condition] of (rule.when ?? []).entries()) {
        checkCondition(condition, [...path, 'when', at], reject);
      }
    }
    const labels = sortedByName(selector?.matchLabels ?? {});
    return {
      key: `${namespace}/${name}`,
      name,
      namespace,
      action,
      ...(dryRun ? { dryRun } : {}),
      ...(Object.keys(labels).length === 0 ? {} : { selector: labels }),
      rules: rules.map(policyRule),
    };
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
            notIpBlocks: [10.77.0.128/25]
        - source:
            namespaces: [monitoring]
            notPrincipals: ["*/sa/intern"]
            ipBlocks: [10.77.0.0/24, "fd00::/8"]
        - source:
            notNamespaces: [batch]
            remoteIpBlocks: [203.0.113.0/24]
            notRemoteIpBlocks: [203.0.113.66]
            requestPrincipals: ["https://accounts.example.com/*"]
            notRequestPrincipals: ["*/guest"]
      to:
        - operation:
            methods: [GET, HEAD]
            paths: [/api/*, "/items/{*}/price"]
            notPaths: [/api/internal/*]
            ports: ["8080"]
        - operation:
            hosts: [shop.example.com, "shop.example.com:*"]
            notHosts: [old.shop.example.com]
            notMethods: [DELETE]
            notPorts: ["9090"]
      when:
        - key: request.headers[x-tier]
          values: [gold, silver*]
        - key: request.auth.claims[realm][roles]
          notValues: [banned]
`,
};

/** Istio's, on policies that deny or allow. */
const DRY_RUN = 'istio.io/dry-run';

function readDryRun(value: string | undefined, action: AuthorizationPolicy['action'], reject: Reject): boolean {
  const path = ['metadata', 'annotations', DRY_RUN];
  if (value !== undefined && value !== 'true' && value !== 'false') {
    reject(path, `${DRY_RUN} is ${shown(value)}`, '"true" or "false"');
  }
  if (value === 'true' && action === 'AUDIT') {
    reject(path, 'a dry run of an AUDIT policy, which decides nothing anyway', 'it without, or ALLOW or DENY');
  }
  return value === 'true';
}

function checkFields(entry: Static<typeof Source> | Static<typeof Operation>, path: Path, reject: Reject): void {
  for (const [field, values] of Object.entries(entry)) {
    const check = FIELD_CHECKS[field.replace(/^not(.)/, (_, first: string) => first.toLowerCase())];
    checkEach(values, [...path, field], check, reject);
  }
}

function checkCondition({ key, values, notValues }: Static<typeof Condition>, path: Path, reject: Reject): void {
  const mistake = checkKey(key);
  if (mistake !== undefined) reject([...path, 'key'], mistake.what, mistake.expected);
  if (values === undefined && notValues === undefined) {
    reject(path, `the condition of ${shown(key)} has no values`, 'values or notValues');
  }
  checkEach(values, [...path, 'values'], KEY_CHECKS[key], reject);
  checkEach(notValues, [...path, 'notValues'], KEY_CHECKS[key], reject);
}

function checkEach(values: readonly string[] | undefined, path: Path, check: Check | undefined, reject: Reject): void {
  for (const [index, value] of (values ?? []).entries()) {
    const mistake = check?.(value);
    if (mistake !== undefined) reject([...path, index], mistake.what, mistake.expected);
  }
}

function policyRule({ from = [], to = [], when = [] }: Static<typeof Rule>): PolicyRule {
  return {
    from: from.map(({ source }) => copyLists(source)),
    to: to.map(({ operation }) => copyLists(operation)),
    ...(when.length === 0 ? {} : { when: when.map(({ key, ...lists }) => ({ key, ...copyLists(lists) })) }),
  };
}

/** A plain copy (the maps of a document have no prototype) without absent fields. */
function copyLists<T extends object>(lists: T): T {
  return Object.fromEntries(Object.entries(lists).map(([name, values]) => [name, [...values]])) as T;
}

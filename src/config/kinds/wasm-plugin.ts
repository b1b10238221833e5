import { fileURLToPath } from 'node:url';
import Type, { type Static } from 'typebox';
import type { WasmPlugin } from '../model.ts';
import { shown } from '../problems.ts';
import { DEFAULT_NAMESPACE, fields, Labels, Metadata, resource } from './fields.ts';
import type { Kind, Reject } from './kind.ts';
import { sortedByName } from './workload.ts';

const UNSUPPORTED = 'Istio has it; not supported by shunt';
const LOCAL_FILE = 'file:///PATH, a file of this machine; oci and http are not supported by shunt';

const Env = fields(
  {
    name: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
      description: "A variable's name.",
      expected: "a variable's name: letters, digits and _, no digit first",
    }),
    value: Type.Optional(
      Type.String({ description: 'Default: empty.', expected: 'text (numbers and true need quotes)' }),
    ),
    valueFrom: Type.Optional(
      Type.Enum(['INLINE'], {
        description: 'Default `INLINE`, the only one.',
        expected: 'INLINE; HOST, the environment of the proxy, is not supported by shunt',
      }),
    ),
  },
  { expected: 'a map with name and value' },
);

const Spec = fields(
  {
    selector: Type.Optional(
      fields(
        { matchLabels: Labels('All must be equal. Empty: as without a selector.') },
        {
          description:
            'Absent: every workload of the namespace; in the namespace `istio-system` every workload of the mesh. Of the ' +
            'workloads behind one HTTP port of a Service, all or none.',
          refused: { matchExpressions: 'not supported by Istio, nor by shunt' },
        },
      ),
    ),
    url: Type.String({
      pattern: '^file:///',
      maxLength: 4096,
      description:
        'The module: `file://` and an absolute path. Its memory ends at the maximum that it declares (4 GiB at most); a ' +
        'call of it that takes 10 s stops the proxy, which is started again.',
      expected: LOCAL_FILE,
    }),
    sha256: Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: 'Of the module. What runs is a copy with these bytes, also when the file changes later.',
      expected: '64 hex digits in small letters, as sha256sum prints them',
    }),
    phase: Type.Optional(
      Type.Enum(['AUTHN', 'AUTHZ', 'STATS', 'UNSPECIFIED_PHASE'], {
        description:
          '`AUTHN`, then `AUTHZ`: before the AuthorizationPolicies, which judge the request that the plugins leave. `STATS`, ' +
          'then `UNSPECIFIED_PHASE` (default): after them, with the requests that they allow.',
        expected: 'AUTHN, AUTHZ, STATS or UNSPECIFIED_PHASE',
      }),
    ),
    priority: Type.Optional(
      Type.Integer({
        minimum: -(2 ** 31),
        maximum: 2 ** 31 - 1,
        description: 'In a phase the higher runs first; then the order is that of namespace and name. Default 0.',
        expected: 'a whole number of 32 bits',
      }),
    ),
    failStrategy: Type.Optional(
      Type.Enum(['FAIL_CLOSE', 'FAIL_OPEN'], {
        description:
          'When the module traps. `FAIL_CLOSE` (default): that request gets 503 and the next a fresh VM. `FAIL_OPEN`: ' +
          'later requests pass without the plugin; refused in the phases AUTHN and AUTHZ.',
        expected: 'FAIL_CLOSE or FAIL_OPEN; FAIL_RELOAD is what FAIL_CLOSE does here',
      }),
    ),
    pluginName: Type.Optional(
      Type.String({
        maxLength: 256,
        description: 'Which of its filters the module shall run (root id). Default: empty.',
        expected: 'a name',
      }),
    ),
    pluginConfig: Type.Optional(
      Type.Unknown({
        description: 'The module gets it as JSON. Absent: it gets an empty text.',
        expected: 'any value',
      }),
    ),
    vmConfig: Type.Optional(
      fields({
        env: Type.Optional(
          Type.Array(Env, {
            maxItems: 256,
            description: 'Environment of the module, which has no other.',
            expected: 'a list of at most 256 maps with name and value',
          }),
        ),
      }),
    ),
  },
  {
    refused: {
      type: 'not supported by shunt; every plugin is a filter for HTTP',
      match: UNSUPPORTED,
      targetRef: UNSUPPORTED,
      targetRefs: UNSUPPORTED,
      imagePullPolicy: 'not supported by shunt, which loads local files only',
      imagePullSecret: 'not supported by shunt, which loads local files only',
      verificationKey: 'not supported by shunt; sha256 says which module it is',
    },
  },
);

const apiVersions = ['extensions.istio.io/v1alpha1'];

export const wasmPluginKind: Kind<Static<typeof Spec>, WasmPlugin> = {
  name: 'WasmPlugin',
  summary: 'A WASM filter (proxy-wasm ABI 0.2.1) of your own for HTTP requests to workloads.',
  apiVersions,
  schema: resource('WasmPlugin', apiVersions, { metadata: Metadata, spec: Spec }),
  build: ({ metadata, spec }, reject) => {
    const { name, namespace = DEFAULT_NAMESPACE } = metadata;
    const { selector, url, sha256, vmConfig, pluginConfig, ...given } = spec as Static<typeof Spec>;
    const { phase = 'UNSPECIFIED_PHASE', failStrategy = 'FAIL_CLOSE', priority = 0, pluginName = '' } = given;
    if (failStrategy === 'FAIL_OPEN' && (phase === 'AUTHN' || phase === 'AUTHZ')) {
      const what = `failStrategy FAIL_OPEN in phase ${phase} would let requests in without the check`;
      reject(['spec', 'failStrategy'], what, `FAIL_CLOSE in phase ${phase}`);
    }
    const labels = sortedByName(selector?.matchLabels ?? {});
    return {
      key: `${namespace}/${name}`,
      name,
      namespace,
      ...(Object.keys(labels).length === 0 ? {} : { selector: labels }),
      module: pathOf(url, reject),
      sha256,
      phase,
      priority,
      failStrategy,
      pluginName,
      ...(pluginConfig === undefined ? {} : { pluginConfig: jsonOf(pluginConfig, reject) }),
      env: envOf(vmConfig?.env ?? [], reject),
    };
  },
  example: `\
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata:
  name: api-headers
  namespace: shop
spec:
  selector:
    matchLabels:
      app: api
  url: file:///opt/filters/headers.wasm
  sha256: 93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476
  phase: STATS
  priority: 10
  failStrategy: FAIL_OPEN
  pluginName: headers
  pluginConfig:
    response:
      set:
        x-served-by: shunt
  vmConfig:
    env:
      - name: LEVEL
        valueFrom: INLINE
        value: debug
`,
};

/** Stands for a path that is not known: what is wrong was said already. */
export const NO_MODULE = '';

function pathOf(url: string, reject: Reject): string {
  try {
    return fileURLToPath(url);
  } catch {
    reject(['spec', 'url'], `url is ${shown(url)}`, LOCAL_FILE);
    return NO_MODULE;
  }
}

function envOf(env: readonly Static<typeof Env>[], reject: Reject): Record<string, string> {
  const values = new Map<string, string>();
  for (const [index, { name, value = '' }] of env.entries()) {
    if (values.has(name)) {
      reject(['spec', 'vmConfig', 'env', index, 'name'], `variable ${name} is there twice`, 'each name once');
    }
    values.set(name, value);
  }
  return sortedByName(Object.fromEntries(values));
}

/** JSON with the names of every map in order, so that equal values give equal text. */
function jsonOf(value: unknown, reject: Reject): string {
  if (Array.isArray(value)) return `[${value.map((each) => jsonOf(each, reject)).join(',')}]`;
  if (typeof value === 'number' && !Number.isFinite(value)) {
    reject(['spec', 'pluginConfig'], `the number ${value} has no JSON`, 'finite numbers');
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name)}:${jsonOf(each, reject)}`);
  return `{${members.join(',')}}`;
}

/** Schemas of fields that several kinds share. */
import Type, { type TProperties } from 'typebox';

/** A map with exactly these fields. `refused`: fields that users know from elsewhere, with what to do instead. */
export function fields<P extends TProperties>(properties: P, options: FieldsOptions = {}) {
  return Type.Object(properties, { additionalProperties: false, expected: 'a map', ...options });
}

interface FieldsOptions {
  readonly description?: string;
  readonly minProperties?: number;
  readonly expected?: string;
  readonly refused?: Readonly<Record<string, string>>;
}

/** A name in the sense of RFC 1123: part of names of cgroups, network namespaces and principals. */
export const DnsLabel = (description: string) =>
  Type.String({
    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
    maxLength: 63,
    description,
    expected: 'a DNS label (a-z, 0-9 and -, at most 63 characters)',
  });

export const Port = (description: string) =>
  Type.Integer({ minimum: 1, maximum: 65535, description, expected: 'a number from 1 to 65535' });

const LABEL_NAME = '^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$';

/** Labels as Kubernetes has them. */
export const Labels = (description: string, minProperties = 0) =>
  Type.Record(
    Type.String({ pattern: LABEL_NAME }),
    Type.String({
      pattern: '^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$',
      expected: 'text of at most 63 letters, digits, -, _ and . (numbers and true need quotes)',
    }),
    {
      additionalProperties: false,
      minProperties,
      description,
      expected: minProperties > 0 ? 'a map of at least one label' : 'a map of labels',
      names: 'a label name: [prefix/]name of at most 63 letters, digits, -, _ and .',
    },
  );

const Annotations = Type.Record(Type.String(), Type.String({ expected: 'text' }), {
  description: 'Not used, but for `istio.io/dry-run` of an AuthorizationPolicy.',
  expected: 'a map of texts',
});

const SET_BY_CLUSTER = 'set by a cluster; remove it';

const refusedMetadata = {
  uid: SET_BY_CLUSTER,
  resourceVersion: SET_BY_CLUSTER,
  generation: SET_BY_CLUSTER,
  creationTimestamp: SET_BY_CLUSTER,
  deletionTimestamp: SET_BY_CLUSTER,
  managedFields: SET_BY_CLUSTER,
  ownerReferences: SET_BY_CLUSTER,
  selfLink: SET_BY_CLUSTER,
  finalizers: 'not supported by shunt; remove it',
  generateName: 'not supported by shunt; give metadata.name',
};

/** Default of `metadata.namespace`, as in kubectl. */
export const DEFAULT_NAMESPACE = 'default';

export const Metadata = fields(
  {
    name: DnsLabel('Unique in its kind and namespace.'),
    namespace: Type.Optional(DnsLabel(`Default \`${DEFAULT_NAMESPACE}\`.`)),
    labels: Type.Optional(Labels('Selectors of Services and policies look at the labels of workloads.')),
    annotations: Type.Optional(Annotations),
  },
  { refused: refusedMetadata },
);

/** Of a kind that belongs to no namespace. */
export const MeshMetadata = fields(
  {
    name: DnsLabel('Any.'),
    labels: Type.Optional(Labels('Not used.')),
    annotations: Type.Optional(Annotations),
  },
  { refused: { ...refusedMetadata, namespace: 'a Mesh belongs to no namespace; remove it' } },
);

/** A whole resource. */
export function resource<P extends TProperties>(name: string, apiVersions: readonly string[], properties: P) {
  return fields(
    {
      apiVersion: Type.Enum([...apiVersions], { expected: apiVersions.join(' or ') }),
      kind: Type.Enum([name], { expected: name }),
      ...properties,
    },
    { refused: { status: SET_BY_CLUSTER } },
  );
}

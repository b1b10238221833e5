/** Envoy's names of message types, and the messages that carry a type with them. Least Envoy: 1.40. */

/** A protobuf message in JSON. */
export type Message = Readonly<Record<string, unknown>>;

/** `name` is below `envoy.`, such as `config.cluster.v3.Cluster`. */
export function typeUrl(name: string): string {
  return `type.googleapis.com/envoy.${name}`;
}

/** `{ '@type': …, ...fields }`, as Envoy's Any is written in JSON. */
export function typed(name: string, fields: Message = {}): Message {
  return { '@type': typeUrl(name), ...fields };
}

/** envoy.config.core.v3.TypedExtensionConfig, and whatever else has a name and a typed_config. */
export function extension(name: string, type: string, fields: Message = {}): Message {
  return { name, typed_config: typed(type, fields) };
}

/** Envoy's names of message types. */
export function typeUrl(name: string): string {
  return `type.googleapis.com/envoy.${name}`;
}

/** `{ '@type': …, ...fields }`, as Envoy's Any is written in JSON. */
export function typed(name: string, fields: object = {}): object {
  return { '@type': typeUrl(name), ...fields };
}

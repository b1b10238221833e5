/** Names of C to names of TypeScript. */

/** `local_ip_be` to `localIpBe`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `shunt_flow_key` to `FlowKey`. */
export function pascalCase(name: string): string {
  const camel = camelCase(name.replace(/^shunt_/, ''));
  return camel.charAt(0).toUpperCase() + camel.slice(1);
}

/**
 * What all constants of an enum begin with, cut at an underscore, as far as the enum's own name says it: so that
 * SHUNT_EVENT_CONNECT_DENIED of `enum shunt_event_kind` loses `SHUNT_EVENT_` and a lone SHUNT_VERDICT_ALLOW keeps ALLOW.
 */
export function commonPrefix(enumName: string, constants: readonly string[]): string {
  const parts = [`${enumName.toUpperCase()}_`, ...constants].map((name) => name.split('_'));
  const [first = [], ...others] = parts;
  let same = 0;
  while (same < first.length && others.every((other) => other.length > same + 1 && other[same] === first[same])) same++;
  return first
    .slice(0, same)
    .map((part) => `${part}_`)
    .join('');
}

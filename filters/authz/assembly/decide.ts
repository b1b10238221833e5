import { Bytes } from "proxy-wasm-sdk/assembly";
import { matchesAny } from "./pattern";
import { Destination, Policy, Rule, Source } from "./policy";

/** The first policy of the destination that matches, DENY before ALLOW; null where none does. */
export function firstMatch(source: Source, destination: Destination, method: Bytes | null, path: Bytes | null): Policy | null {
  const policies = destination.policies;
  for (let i = 0; i < policies.length; i++) {
    const rules = policies[i].rules;
    for (let k = 0; k < rules.length; k++) {
      if (matches(rules[k], source, destination.port, method, path)) return policies[i];
    }
  }
  return null;
}

function matches(rule: Rule, source: Source, port: i32, method: Bytes | null, path: Bytes | null): bool {
  return fromMatches(rule, source) && toMatches(rule, port, method, path);
}

function fromMatches(rule: Rule, source: Source): bool {
  const from = rule.from;
  if (from === null) return true;
  for (let i = 0; i < from.length; i++) if (from[i].matches(source)) return true;
  return false;
}

function toMatches(rule: Rule, port: i32, method: Bytes | null, path: Bytes | null): bool {
  const to = rule.to;
  if (to === null) return true;
  for (let i = 0; i < to.length; i++) {
    if (!to[i].matchesPort(port) || !matchesAny(to[i].methods, method)) continue;
    const paths = to[i].paths;
    if (paths === null || paths.matches(path)) return true;
  }
  return false;
}

import { Bytes, BytesIndex, BytesMap, JsonDocument, JsonValue } from "proxy-wasm-sdk/assembly";
import { Pattern } from "./pattern";
import { Destination, From, Paths, Policy, Rule, Source, To } from "./policy";
import { looksLikeTemplate, Template } from "./template";

/** What one configuration text says. Format: schema.json, docs/architecture.md. */
export class Config {
  /** Who calls is in the client's certificate; `sources` then fills as callers come. */
  mtls: bool = false;
  sources: BytesMap<Source> = new BytesMap<Source>();
  destinations: BytesMap<Destination> = new BytesMap<Destination>();
  policies: Policy[] = [];
  /** "" or `LINE:COLUMN: PATH: reason`; then nothing else here may be used. */
  problem: string = "";
}

const LONGEST_NAME = 512;

/** Reads a configuration; whatever the text is, it ends with a `Config`. */
export function readConfig(text: Bytes): Config {
  const config = new Config();
  const document = JsonDocument.parse(text);
  const root = document.root;
  if (root.only(["sources", "destinations", "policies", "identity"])) {
    readPolicies(root.need("policies"), config);
    readSources(root.need("sources"), config);
    const identity = root.get("identity");
    if (identity !== null) {
      config.mtls = identity.choice(["mtls", "listener"]) == 0;
      if (config.mtls && config.sources.size > 0) root.need("sources").fail("callers are in certificates; expected {}");
    }
    readDestinations(root.need("destinations"), config);
  }
  config.problem = document.error;
  return config;
}

function readSources(value: JsonValue, config: Config): void {
  const entries = value.entries();
  for (let i = 0; i < entries.length; i++) {
    const source = entries[i].value;
    if (!source.only(["principal", "namespace"])) return;
    config.sources.set(
      entries[i].key,
      new Source(notEmpty(source.need("principal")), notEmpty(source.need("namespace"))),
    );
  }
}

function readDestinations(value: JsonValue, config: Config): void {
  const entries = value.entries();
  for (let i = 0; i < entries.length; i++) {
    const item = entries[i].value;
    if (!item.only(["port", "policies"])) return;
    const destination = new Destination(<i32>item.need("port").integer(1, 65535));
    const indexes = item.need("policies").items();
    const allow: Policy[] = [];
    for (let k = 0; k < indexes.length; k++) {
      if (config.policies.length == 0) indexes[k].fail("there are no policies");
      const index = <i32>indexes[k].integer(0, max(config.policies.length - 1, 0));
      if (!value.document.ok) return;
      const policy = config.policies[index];
      if (allow.includes(policy) || destination.policies.includes(policy)) indexes[k].fail("policy listed twice");
      if (policy.isAllow) allow.push(policy);
      else destination.policies.push(policy);
    }
    destination.hasAllow = allow.length > 0;
    for (let k = 0; k < allow.length; k++) destination.policies.push(allow[k]);
    for (let k = 0; k < destination.policies.length; k++) destination.ruleCount += destination.policies[k].rules.length;
    config.destinations.set(entries[i].key, destination);
  }
}

function readPolicies(value: JsonValue, config: Config): void {
  const items = value.items();
  const names = new BytesIndex();
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (!item.only(["name", "action", "rules"])) return;
    const name = readName(item.need("name"));
    const action = item.need("action").choice(["ALLOW", "DENY"]);
    const policy = new Policy(name, action == 0);
    const rules = item.need("rules").items();
    for (let k = 0; k < rules.length; k++) policy.rules.push(readRule(rules[k]));
    if (names.add(String.UTF8.encode(name)) != i) item.need("name").fail("another policy has this name");
    config.policies.push(policy);
    if (!value.document.ok) return;
  }
}

/** A name goes into response details and counters: visible ASCII only. */
function readName(value: JsonValue): string {
  const name = value.string();
  let good = name.length > 0 && name.length <= LONGEST_NAME;
  for (let i = 0; i < name.length; i++) good = good && name.charCodeAt(i) > 0x20 && name.charCodeAt(i) < 0x7f;
  if (!good) value.fail("expected 1 to " + LONGEST_NAME.toString() + " visible ASCII characters");
  return name;
}

function readRule(value: JsonValue): Rule {
  const rule = new Rule();
  value.only(["from", "to"]);
  const from = value.get("from");
  if (from !== null) rule.from = readFrom(from);
  const to = value.get("to");
  if (to !== null) rule.to = readTo(to);
  return rule;
}

function readFrom(value: JsonValue): From[] {
  const result: From[] = [];
  const items = filled(value);
  for (let i = 0; i < items.length; i++) {
    const from = new From();
    asksSomething(items[i], ["principals", "namespaces"]);
    from.principals = readPatterns(items[i].get("principals"));
    from.namespaces = readPatterns(items[i].get("namespaces"));
    result.push(from);
  }
  return result;
}

function readTo(value: JsonValue): To[] {
  const result: To[] = [];
  const items = filled(value);
  for (let i = 0; i < items.length; i++) {
    const to = new To();
    asksSomething(items[i], ["methods", "paths", "ports"]);
    to.methods = readPatterns(items[i].get("methods"));
    const paths = items[i].get("paths");
    if (paths !== null) to.paths = readPaths(paths);
    const ports = items[i].get("ports");
    if (ports !== null) to.ports = readPorts(ports);
    result.push(to);
  }
  return result;
}

function readPatterns(value: JsonValue | null): Pattern[] | null {
  if (value === null) return null;
  const items = filled(value);
  const result: Pattern[] = [];
  for (let i = 0; i < items.length; i++) result.push(new Pattern(notEmpty(items[i])));
  return result;
}

function readPaths(value: JsonValue): Paths {
  const items = filled(value);
  const result = new Paths();
  for (let i = 0; i < items.length; i++) {
    const bytes = notEmpty(items[i]);
    const text = String.UTF8.decode(bytes);
    if (!looksLikeTemplate(text)) {
      result.patterns.push(new Pattern(bytes));
      continue;
    }
    const template = new Template(text);
    if (template.problem.length > 0) items[i].fail(template.problem);
    result.templates.push(template);
  }
  return result;
}

function readPorts(value: JsonValue): i32[] {
  const items = filled(value);
  const result: i32[] = [];
  for (let i = 0; i < items.length; i++) {
    const text = items[i].string();
    let port = 0;
    let good = text.length > 0 && text.length <= 5 && text.charCodeAt(0) != 0x30;
    for (let k = 0; good && k < text.length; k++) {
      const digit = text.charCodeAt(k) - 0x30;
      good = digit >= 0 && digit <= 9;
      port = port * 10 + digit;
    }
    if (!good || port > 65535) items[i].fail('expected a port as a string, "1" to "65535"');
    result.push(port);
  }
  return result;
}

/** An empty list could mean anything and nothing: refused. */
function filled(value: JsonValue): JsonValue[] {
  const items = value.items();
  if (items.length == 0) value.fail("empty list; leave it out to match anything");
  return items;
}

function asksSomething(value: JsonValue, keys: string[]): void {
  value.only(keys);
  if (value.length == 0) value.fail("expected at least one of " + keys.join(", "));
}

function notEmpty(value: JsonValue): ArrayBuffer {
  const bytes = value.bytes();
  if (bytes.byteLength == 0) value.fail("expected text that is not empty");
  return bytes;
}

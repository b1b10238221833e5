import { Bytes, BytesIndex, BytesMap, digits, JsonDocument, JsonValue } from "proxy-wasm-sdk/assembly";
import { parseAddress } from "./address";
import { Action, Destination, Lane, LaneKind, Policy, Source } from "./policy";
import { choice, notEmpty, only, readRule } from "./rules";

/** What one configuration text says. Format: schema.json, docs/architecture.md. */
export class Config {
  /** Who calls is in the client's certificate; `sources` then fills as callers come. */
  mtls: bool = false;
  sources: BytesMap<Source> = new BytesMap<Source>();
  destinations: BytesMap<Destination> = new BytesMap<Destination>();
  /** Of all destinations. */
  lanes: Lane[] = [];
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
  if (only(root, "sources, destinations, policies, identity")) {
    readPolicies(root.need("policies"), config);
    readSources(root.need("sources"), config);
    const identity = root.get("identity");
    if (identity !== null) {
      config.mtls = choice(identity, "mtls, listener") == 0;
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
    if (!only(source, "principal, namespace, address")) return;
    config.sources.set(
      entries[i].key,
      new Source(notEmpty(source.need("principal")), notEmpty(source.need("namespace")), readAddress(source)),
    );
  }
}

function readDestinations(value: JsonValue, config: Config): void {
  const entries = value.entries();
  for (let i = 0; i < entries.length; i++) {
    const item = entries[i].value;
    if (!only(item, "port, policies, address")) return;
    const port = String.UTF8.encode(digits(item.need("port").integer(1, 65535)));
    const address = readAddress(item);
    const first = config.lanes.length;
    const enforced = new Lane(LaneKind.Enforced, port, address);
    const shadow = new Lane(LaneKind.Shadow, port, address);
    config.lanes.push(enforced);
    const indexes = item.need("policies").items();
    const seen: Policy[] = [];
    for (let k = 0; k < indexes.length; k++) {
      if (config.policies.length == 0) indexes[k].fail("there are no policies");
      const index = <i32>indexes[k].integer(0, max(config.policies.length - 1, 0));
      if (!value.document.ok) return;
      const policy = config.policies[index];
      if (seen.includes(policy)) indexes[k].fail("policy listed twice");
      seen.push(policy);
      let lane = policy.dryRun ? shadow : enforced;
      if (policy.action == Action.Audit) {
        lane = new Lane(LaneKind.Audit, port, address);
        config.lanes.push(lane);
      }
      lane.add(policy);
    }
    if (shadow.policies.length > 0) config.lanes.push(shadow);
    config.destinations.set(entries[i].key, new Destination(first, config.lanes.length));
  }
}

function readAddress(value: JsonValue): ArrayBuffer | null {
  const text = value.get("address");
  if (text === null) return null;
  const address = parseAddress(Bytes.of(text.bytes()));
  if (address !== null) return address.copy();
  text.fail("expected an IP address");
  return null;
}

function readPolicies(value: JsonValue, config: Config): void {
  const items = value.items();
  const names = new BytesIndex();
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (!only(item, "name, action, rules, dryRun")) return;
    const name = readName(item.need("name"));
    const action = <Action>choice(item.need("action"), "ALLOW, DENY, AUDIT");
    const dryRun = item.get("dryRun");
    const policy = new Policy(name, action, dryRun !== null && dryRun.boolean());
    if (policy.dryRun && action == Action.Audit) changetype<JsonValue>(dryRun).fail("an AUDIT policy decides nothing");
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
  if (!good) value.fail("expected 1 to 512 visible ASCII characters");
  return name;
}

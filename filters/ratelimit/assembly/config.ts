import { Bytes, JsonDocument, JsonValue, readName, readRuleList, RequestValue } from "proxy-wasm-sdk/assembly";
import { Limit, LONGEST_FILL_NS } from "./bucket";
import { Rule } from "./rule";

/** What one configuration text says. Format: schema.json. */
export class Config {
  name: string = "";
  rules: Rule[] = [];
  /** Headers on responses of requests that were admitted, too. */
  always: bool = false;
  /** "" or `LINE:COLUMN: PATH: reason`; then nothing else here may be used. */
  problem: string = "";
}

const MOST_RULES = 32;

/** Reads a configuration; whatever the text is, it ends with a `Config`. */
export function readConfig(text: Bytes): Config {
  const config = new Config();
  const document = JsonDocument.parse(text);
  const root = document.root;
  if (root.only(["name", "rules", "responseHeaders"])) {
    config.name = readName(root.need("name"));
    const headers = root.get("responseHeaders");
    if (headers !== null) config.always = headers.choice(["limited", "always"]) == 1;
    readRules(root.need("rules"), config);
  }
  config.problem = document.error;
  return config;
}

function readRules(value: JsonValue, config: Config): void {
  const entries = readRuleList(value, MOST_RULES, ["by", "requests", "perSeconds", "burst"]);
  for (let i = 0; i < entries.length; i++) {
    const item = entries[i].value;
    const rule = readRule(entries[i].name, item, config.name);
    rule.match = entries[i].match;
    const by = item.get("by");
    if (by !== null) rule.by = readBy(by);
    config.rules.push(rule);
  }
}

function readRule(name: string, item: JsonValue, domain: string): Rule {
  const requests = item.need("requests").integer(1, 1_000_000_000);
  const perSeconds = item.need("perSeconds").integer(1, 86_400);
  const given = item.get("burst");
  const burst = given === null ? requests : given.integer(1, 1_000_000_000);
  const limit = new Limit(requests, perSeconds, burst);
  if (<u64>burst > LONGEST_FILL_NS / limit.intervalNs) item.fail("an empty bucket would take more than 31 days to fill");
  // a bucket with other numbers is another bucket
  const identity = [domain, name, requests.toString(), perSeconds.toString(), burst.toString()].join("\n");
  return new Rule(name, String.UTF8.encode(identity), limit);
}

function readBy(value: JsonValue): RequestValue[] {
  const items = value.items();
  if (items.length == 0) value.fail("empty list; leave it out to limit all requests together");
  const result: RequestValue[] = [];
  for (let i = 0; i < items.length; i++) {
    const what = new RequestValue(items[i].string());
    if (what.problem.length > 0) items[i].fail(what.problem);
    result.push(what);
  }
  return result;
}

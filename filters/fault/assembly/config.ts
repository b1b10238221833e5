import { Bytes, JsonDocument, JsonValue, readName, readRuleList } from "proxy-wasm-sdk/assembly";
import { ALWAYS, Rule } from "./rule";

/** What one configuration text says. Format: schema.json. */
export class Config {
  name: string = "";
  rules: Rule[] = [];
  /** It injects nothing: it answers requests that turn faults off and on. */
  isSwitch: bool = false;
  /** "" or `LINE:COLUMN: PATH: reason`; then nothing else here may be used. */
  problem: string = "";
}

const MOST_RULES = 64;
const LONGEST_DELAY_MS = 600_000;

/** Reads a configuration; whatever the text is, it ends with a `Config`. */
export function readConfig(text: Bytes): Config {
  const config = new Config();
  const document = JsonDocument.parse(text);
  const root = document.root;
  if (root.only(["name", "rules", "switch"])) {
    const isSwitch = root.get("switch");
    if (isSwitch === null) {
      config.name = readName(root.need("name"));
      readRules(root.need("rules"), config);
    } else {
      config.isSwitch = isSwitch.boolean();
      if (!config.isSwitch) isSwitch.fail("expected true");
      if (root.entries().length > 1) root.fail("a switch has no name and no rules");
    }
  }
  config.problem = document.error;
  return config;
}

function readRules(value: JsonValue, config: Config): void {
  const entries = readRuleList(value, MOST_RULES, ["delay", "abort"]);
  for (let i = 0; i < entries.length; i++) {
    const item = entries[i].value;
    const rule = new Rule(entries[i].name);
    rule.match = entries[i].match;
    const delay = item.get("delay");
    if (delay !== null) readDelay(delay, rule);
    const abort = item.get("abort");
    if (abort !== null) readAbort(abort, rule);
    if (delay === null && abort === null) item.fail("expected delay or abort");
    config.rules.push(rule);
  }
}

function readDelay(value: JsonValue, rule: Rule): void {
  if (!value.only(["percent", "milliseconds"])) return;
  rule.delayChance = readPercent(value.need("percent"));
  rule.delayMs = <u32>value.need("milliseconds").integer(1, LONGEST_DELAY_MS);
}

function readAbort(value: JsonValue, rule: Rule): void {
  if (!value.only(["percent", "status", "grpcStatus"])) return;
  rule.abortChance = readPercent(value.need("percent"));
  rule.abortStatus = <i32>value.need("status").integer(200, 599);
  const grpc = value.get("grpcStatus");
  if (grpc !== null) rule.abortGrpcStatus = <i32>grpc.integer(0, 16);
}

function readPercent(value: JsonValue): u32 {
  const scaled = value.number() * (ALWAYS / 100);
  const whole = Math.round(scaled);
  if (!(whole >= 0 && whole <= ALWAYS && Math.abs(scaled - whole) < 1e-6)) {
    value.fail("expected a number from 0 to 100 with at most 4 decimals");
    return 0;
  }
  return <u32>whole;
}

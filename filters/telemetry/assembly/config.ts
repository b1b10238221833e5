import { Bytes, JsonDocument, JsonValue, PropertyText } from "proxy-wasm-sdk/assembly";
import { OWN_LABELS } from "./exchange";

/** One label whose value the configuration says. */
export class Label {
  /** `NAME=.=`, as it stands in names of metrics. */
  readonly start: ArrayBuffer;

  constructor(readonly name: string, readonly value: PropertyText) {
    this.start = String.UTF8.encode(name + "=.=");
  }
}

/** What one configuration text says. Format: schema.json. */
export class Config {
  /** Seen from the caller's proxy, not from the callee's. */
  isSource: bool = false;
  labels: Label[] = [];
  maxSeries: u32 = 2000;
  /** "" or `LINE:COLUMN: PATH: reason`; then nothing else here may be used. */
  problem: string = "";
}

const MOST_LABELS = 16;

/** Reads a configuration; whatever the text is, it ends with a `Config`. */
export function readConfig(text: Bytes): Config {
  const config = new Config();
  const document = JsonDocument.parse(text);
  const root = document.root;
  if (root.only(["reporter", "labels", "maxSeries"])) {
    config.isSource = root.need("reporter").choice(["source", "destination"]) == 0;
    const most = root.get("maxSeries");
    if (most !== null) config.maxSeries = <u32>most.integer(1, 20_000);
    readLabels(root.need("labels"), config);
  }
  config.problem = document.error;
  return config;
}

function readLabels(value: JsonValue, config: Config): void {
  const entries = value.entries();
  if (entries.length == 0) value.fail("expected at least one label");
  if (entries.length > MOST_LABELS) value.fail("more than " + MOST_LABELS.toString() + " labels");
  const names = OWN_LABELS.slice(0);
  for (let i = 0; i < entries.length && value.document.ok; i++) {
    const item = entries[i].value;
    const name = String.UTF8.decode(entries[i].key);
    if (!isLabel(name)) item.fail("a label's name has small letters, digits and _, and begins with a letter");
    for (let k = 0; k < names.length; k++) {
      // Envoy finds a label by the end of what stands before its value
      if (names[k].endsWith(name) || name.endsWith(names[k])) item.fail("would be taken for the label " + names[k]);
    }
    names.push(name);
    const text = new PropertyText(item.string());
    if (text.problem.length > 0) item.fail(text.problem);
    config.labels.push(new Label(name, text));
  }
}

function isLabel(name: string): bool {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    const letter = c >= 0x61 && c <= 0x7a;
    if (!letter && (i == 0 || (c != 0x5f && (c < 0x30 || c > 0x39)))) return false;
  }
  return name.length > 0;
}

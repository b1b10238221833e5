import { Bytes, JsonDocument, JsonValue, PropertyText } from "proxy-wasm-sdk/assembly";
import { Edit, Edits } from "./edits";

/** What one configuration text says. Format: schema.json. */
export class Config {
  request: Edits | null = null;
  response: Edits | null = null;
  /** "" or `LINE:COLUMN: PATH: reason`; then nothing else here may be used. */
  problem: string = "";
}

/** Of the connection or the message's length: a proxy that edits these splits messages in other places than its peers. */
const KEPT = [
  "connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
];
const TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";

/** Reads a configuration; whatever the text is, it ends with a `Config`. */
export function readConfig(text: Bytes): Config {
  const config = new Config();
  const document = JsonDocument.parse(text);
  const root = document.root;
  if (filled(root, ["request", "response"])) {
    const request = root.get("request");
    if (request !== null) config.request = readEdits(request);
    const response = root.get("response");
    if (response !== null) config.response = readEdits(response);
  }
  config.problem = document.error;
  return config;
}

function readEdits(value: JsonValue): Edits {
  const edits = new Edits();
  if (!filled(value, ["remove", "set", "add", "append"])) return edits;
  const remove = value.get("remove");
  if (remove !== null) {
    const items = remove.items();
    if (items.length == 0) remove.fail("empty list");
    const seen: string[] = [];
    for (let i = 0; i < items.length; i++) {
      const name = items[i].string();
      if (seen.includes(name)) items[i].fail("the header " + name + " is there twice");
      seen.push(name);
      checkName(name, items[i]);
      edits.remove.push(String.UTF8.encode(name));
    }
  }
  edits.set = readValues(value.get("set"));
  edits.add = readValues(value.get("add"));
  edits.append = readValues(value.get("append"));
  const append = value.get("append");
  if (append !== null && append.get("set-cookie") !== null) append.fail("set-cookie takes no lists; use add");
  return edits;
}

function readValues(value: JsonValue | null): Edit[] {
  const edits: Edit[] = [];
  if (value === null) return edits;
  const entries = value.entries();
  if (entries.length == 0) value.fail("expected at least one header");
  for (let i = 0; i < entries.length; i++) {
    const item = entries[i].value;
    checkName(String.UTF8.decode(entries[i].key), item);
    const text = new PropertyText(item.string());
    if (text.problem.length > 0) item.fail(text.problem);
    edits.push(new Edit(entries[i].key, text));
  }
  return edits;
}

function checkName(name: string, where: JsonValue): void {
  let good = name.length > 0;
  for (let i = 0; i < name.length; i++) good = good && TOKEN.includes(name.charAt(i));
  if (!good) where.fail("expected a header's name in lower case");
  if (KEPT.includes(name)) where.fail("the header " + name + " belongs to the connection and cannot be changed");
}

function filled(value: JsonValue, keys: string[]): bool {
  if (!value.only(keys)) return false;
  if (value.entries().length == 0) value.fail("expected at least one of " + keys.join(", "));
  return value.document.ok;
}

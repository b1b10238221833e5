import { JsonValue } from "./json/value";
import { RequestMatch } from "./requestmatch";

const LONGEST_NAME = 64;

/** One of a list of rules: what all kinds of rules have. */
export class RuleEntry {
  constructor(
    readonly name: string,
    /** null: the rule is for every request. */
    readonly match: RequestMatch | null,
    /** The rule itself, for the rest of its members. */
    readonly value: JsonValue,
  ) {}
}

/**
 * Reads a list of objects with a `name` each, which no other has, an optional `match` (RequestMatch), and no members but these
 * and `further`. What is wrong is told to the value's document; the rules before it are given.
 */
export function readRuleList(value: JsonValue, most: i32, further: string[]): RuleEntry[] {
  const items = value.items();
  if (items.length == 0) value.fail("empty list");
  if (items.length > most) value.fail("more than " + most.toString() + " rules");
  const rules: RuleEntry[] = [];
  const names: string[] = [];
  const keys = ["name", "match"].concat(further);
  for (let i = 0; i < items.length && value.document.ok; i++) {
    const item = items[i];
    if (!item.only(keys)) break;
    const name = readName(item.need("name"));
    if (names.includes(name)) item.need("name").fail("another rule has this name");
    names.push(name);
    const match = item.get("match");
    rules.push(new RuleEntry(name, match === null ? null : RequestMatch.read(match), item));
  }
  return rules;
}

/** A name that can stand in response details and in counters: 1 to 64 letters, digits, `-` and `_`. */
export function readName(value: JsonValue): string {
  const name = value.string();
  let good = name.length > 0 && name.length <= LONGEST_NAME;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    const lower = c | 0x20;
    good = good && (c == 0x2d || c == 0x5f || (c >= 0x30 && c <= 0x39) || (lower >= 0x61 && lower <= 0x7a));
  }
  if (!good) value.fail("expected 1 to " + LONGEST_NAME.toString() + " letters, digits, - and _");
  return name;
}

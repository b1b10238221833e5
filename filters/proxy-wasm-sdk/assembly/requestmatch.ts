import { Bytes } from "./bytes";
import { JsonValue } from "./json/value";
import { Pairs } from "./pairs";
import { RequestValue } from "./requestvalue";

const STAR: u8 = 0x2a;

/** `text`, `text*`, `*text`, or `*` for anything that is there. */
export class TextPattern {
  private text: ArrayBuffer;
  private prefix: bool = false;
  private suffix: bool = false;

  constructor(pattern: ArrayBuffer) {
    const size = pattern.byteLength;
    const at = changetype<usize>(pattern);
    if (size > 0 && load<u8>(at + size - 1) == STAR) {
      this.prefix = true;
      this.text = pattern.slice(0, size - 1);
    } else if (size > 0 && load<u8>(at) == STAR) {
      this.suffix = true;
      this.text = pattern.slice(1);
    } else this.text = pattern;
  }

  matches(value: Bytes): bool {
    if (this.prefix) return value.startsWith(this.text);
    if (this.suffix) return value.endsWith(this.text);
    return value.equals(this.text);
  }
}

class Condition {
  constructor(readonly value: RequestValue, readonly patterns: TextPattern[]) {}

  holds(headers: Pairs): bool {
    const value = this.value.read(headers);
    if (value === null) return false;
    for (let i = 0; i < this.patterns.length; i++) if (unchecked(this.patterns[i]).matches(value)) return true;
    return false;
  }
}

/**
 * Which requests a rule is for: `{"path": ["/a", "/b*"], "header:x-tier": ["free"]}`. Each condition must hold, by any of
 * its patterns; a value that is absent matches none. Without conditions it matches every request.
 */
export class RequestMatch {
  private conditions: Condition[] = [];

  /** Reads it from a configuration; what is wrong is told to the value's document. */
  static read(value: JsonValue): RequestMatch {
    const match = new RequestMatch();
    const entries = value.entries();
    if (entries.length == 0) value.fail("expected at least one condition; leave it out to match every request");
    for (let i = 0; i < entries.length; i++) {
      const list = entries[i].value;
      const what = new RequestValue(String.UTF8.decode(entries[i].key));
      if (what.problem.length > 0) list.fail(what.problem);
      const items = list.items();
      if (items.length == 0) list.fail("empty list");
      const patterns: TextPattern[] = [];
      for (let k = 0; k < items.length; k++) {
        const text = items[k].bytes();
        if (text.byteLength == 0) items[k].fail("expected text that is not empty");
        patterns.push(new TextPattern(text));
      }
      match.conditions.push(new Condition(what, patterns));
    }
    return match;
  }

  matches(headers: Pairs): bool {
    for (let i = 0; i < this.conditions.length; i++) if (!unchecked(this.conditions[i]).holds(headers)) return false;
    return true;
  }
}

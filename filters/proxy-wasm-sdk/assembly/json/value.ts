import { digits } from "./digits";
import { JsonDocument } from "./document";
import { exactNumber } from "./number";
import { JsonKind } from "./tape";

/** A member of an object. */
export class JsonEntry {
  constructor(readonly key: ArrayBuffer, readonly value: JsonValue) {}
}

/**
 * One value of a document. Each accessor says what it expects: where the value is something else, the document gets an
 * error with its place, and the accessor a neutral result. `null` is a value like others: no accessor takes it.
 */
export class JsonValue {
  /** @internal `node` -1: stands for a value that is not there; the document has an error already. */
  constructor(readonly document: JsonDocument, private node: i32) {}

  get kind(): JsonKind {
    return this.node < 0 ? JsonKind.Null : this.document.nodes().kind(this.node);
  }

  fail(message: string): void {
    if (this.node >= 0) this.document.fail(this.node, message);
  }

  /** Checks that this is an object with no keys but these (ASCII). */
  only(keys: string[]): bool {
    if (!this.expect(JsonKind.Object, "an object")) return false;
    const nodes = this.document.nodes();
    const end = nodes.next(this.node);
    for (let key = this.node + 1; key < end; key = nodes.next(nodes.next(key))) {
      let known = false;
      for (let i = 0; i < keys.length && !known; i++) known = this.document.spells(key, keys[i]);
      if (!known) this.document.fail(nodes.next(key), "unknown key; expected " + keys.join(", "));
    }
    return this.document.ok;
  }

  /** The members of an object, in the order of the text. */
  entries(): JsonEntry[] {
    const result: JsonEntry[] = [];
    if (!this.expect(JsonKind.Object, "an object")) return result;
    const nodes = this.document.nodes();
    const end = nodes.next(this.node);
    for (let key = this.node + 1; key < end; ) {
      const value = nodes.next(key);
      result.push(new JsonEntry(this.document.decode(key), new JsonValue(this.document, value)));
      key = nodes.next(value);
    }
    return result;
  }

  /** The values of an array. */
  items(): JsonValue[] {
    const result: JsonValue[] = [];
    if (!this.expect(JsonKind.Array, "a list")) return result;
    const nodes = this.document.nodes();
    const end = nodes.next(this.node);
    for (let item = this.node + 1; item < end; item = nodes.next(item)) result.push(new JsonValue(this.document, item));
    return result;
  }

  /** How many members or items an object or list has. */
  get length(): i32 {
    if (this.kind != JsonKind.Object && this.kind != JsonKind.Array) return 0;
    const nodes = this.document.nodes();
    const end = nodes.next(this.node);
    let count = 0;
    for (let child = this.node + 1; child < end; child = nodes.next(child)) count++;
    return this.kind == JsonKind.Object ? count / 2 : count;
  }

  /** The member of an object, or null. `key` is ASCII. */
  get(key: string): JsonValue | null {
    if (!this.expect(JsonKind.Object, "an object")) return null;
    const nodes = this.document.nodes();
    const end = nodes.next(this.node);
    for (let name = this.node + 1; name < end; name = nodes.next(nodes.next(name))) {
      if (this.document.spells(name, key)) return new JsonValue(this.document, nodes.next(name));
    }
    return null;
  }

  /** As `get`, but its absence is a mistake. */
  need(key: string): JsonValue {
    const value = this.get(key);
    if (value !== null) return value;
    this.fail("lacks " + key);
    return new JsonValue(this.document, -1);
  }

  /** A string's UTF-8. */
  bytes(): ArrayBuffer {
    return this.expect(JsonKind.String, "a string") ? this.document.decode(this.node) : new ArrayBuffer(0);
  }

  string(): string {
    return String.UTF8.decode(this.bytes());
  }

  boolean(): bool {
    if (this.kind != JsonKind.True && this.kind != JsonKind.False) this.expect(JsonKind.True, "true or false");
    return this.kind == JsonKind.True;
  }

  /** A number without fraction or exponent, between `least` and `most`. */
  integer(least: i64, most: i64): i64 {
    const expected = "an integer from " + digits(least) + " to " + digits(most);
    if (!this.expect(JsonKind.Number, expected)) return least;
    const raw = this.document.raw(this.node);
    const negative = raw.byteAt(0) == 0x2d;
    let value: i64 = 0;
    let good = raw.length <= 19;
    for (let i = negative ? 1 : 0; good && i < raw.length; i++) {
      const digit = raw.byteAt(i) - 0x30;
      good = digit >= 0 && digit <= 9 && value <= (i64.MAX_VALUE - digit) / 10;
      value = value * 10 + digit;
    }
    if (negative) value = -value;
    if (good && value >= least && value <= most) return value;
    this.fail("expected " + expected);
    return least;
  }

  /** A number that a double holds as it is written: up to 15 digits, and an exponent of some 20. */
  number(): f64 {
    if (!this.expect(JsonKind.Number, "a number")) return 0;
    const value = exactNumber(this.document.raw(this.node));
    if (!isNaN(value)) return value;
    this.fail("more digits or a larger exponent than a number holds exactly");
    return 0;
  }

  /** Index of the string in `choices`, -1 where it is none of them. */
  choice(choices: string[]): i32 {
    const index = this.kind == JsonKind.String ? choices.indexOf(this.string()) : -1;
    if (index < 0) this.fail('expected "' + choices.join('" or "') + '"');
    return index;
  }

  private expect(kind: JsonKind, name: string): bool {
    if (this.node < 0) return false;
    if (this.kind == kind) return true;
    this.fail("expected " + name);
    return false;
  }
}

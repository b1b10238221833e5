import { Bytes } from "../bytes";
import { digits } from "./digits";
import { Parser } from "./parser";
import { JsonKind, Tape } from "./tape";
import { decodeString } from "./text";
import { JsonValue } from "./value";

/**
 * A JSON text and the first thing that is wrong with it. Reading goes on after a mistake (accessors then give neutral
 * values), so that a reader needs no checks between its steps: it looks at `ok` once, at the end, and throws its result
 * away where that is false. The text must stay where it is while the document is read: within one callback.
 */
export class JsonDocument {
  private problem: string = "";
  private tape: Tape;

  private constructor(private text: Bytes, parser: Parser) {
    this.tape = parser.tape;
    if (parser.problem.length > 0) this.problem = this.place(parser.problemAt) + ": " + parser.problem;
  }

  /** Never throws. `maxDepth`: nesting that is still accepted. */
  static parse(text: Bytes, maxDepth: i32 = 32): JsonDocument {
    const parser = new Parser(text.start, text.length, maxDepth);
    parser.parse();
    return new JsonDocument(text, parser);
  }

  get ok(): bool {
    return this.problem.length == 0;
  }

  /** `LINE:COLUMN: PATH: what is wrong`, one line; "" where nothing is. Columns count characters from 1. */
  get error(): string {
    return this.problem;
  }

  get root(): JsonValue {
    return new JsonValue(this, this.ok ? 0 : -1);
  }

  /** Records a mistake at a value; only the first counts. */
  fail(node: i32, message: string): void {
    if (!this.ok) return;
    const path = this.path(node);
    this.problem = this.place(this.tape.start(node)) + ": " + (path.length > 0 ? path + ": " : "") + message;
  }

  /** @internal */
  nodes(): Tape {
    return this.tape;
  }

  /** @internal The characters of a node, as they are. */
  raw(node: i32): Bytes {
    return this.text.slice(this.tape.start(node), this.tape.end(node));
  }

  /** @internal The UTF-8 of a string node. */
  decode(node: i32): ArrayBuffer {
    return decodeString(this.text.start, this.tape.start(node) + 1, this.tape.end(node) - 1);
  }

  /** @internal Whether a string node means this ASCII text. */
  spells(node: i32, text: string): bool {
    const start = this.tape.start(node) + 1;
    const size = this.tape.end(node) - 1 - start;
    let plain = size == text.length;
    for (let i = 0; i < size; i++) {
      const c = this.text.byteAt(start + i);
      if (c == 0x5c) return String.UTF8.decode(this.decode(node)) == text;
      if (plain && c != text.charCodeAt(i)) plain = false;
    }
    return plain;
  }

  private place(offset: i32): string {
    let line = 1;
    let column = 1;
    for (let i = 0; i < offset; i++) {
      const c = this.text.byteAt(i);
      if (c == 0x0a) {
        line++;
        column = 1;
      } else if ((c & 0xc0) != 0x80) column++;
    }
    return digits(line) + ":" + digits(column);
  }

  /** `policies[2].rules[0]`: from the root down to the child that holds the node, again and again. */
  private path(target: i32): string {
    let path = "";
    let node = 0;
    while (node != target) {
      const isObject = this.tape.kind(node) == JsonKind.Object;
      let child = node + 1;
      let index = 0;
      let key = -1;
      while (this.tape.next(child) <= target) {
        if (isObject && index % 2 == 0) key = child;
        child = this.tape.next(child);
        index++;
      }
      if (isObject && index % 2 == 0) return path;
      path += isObject ? member(path, String.UTF8.decode(this.decode(key))) : "[" + digits(index) + "]";
      node = child;
    }
    return path;
  }
}

function member(path: string, key: string): string {
  for (let i = 0; i < key.length; i++) {
    const c = key.charCodeAt(i);
    const plain = c == 0x5f || (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a);
    if (!plain) return "[" + JSON_QUOTE + key + JSON_QUOTE + "]";
  }
  return path.length > 0 ? "." + key : key;
}

const JSON_QUOTE = '"';

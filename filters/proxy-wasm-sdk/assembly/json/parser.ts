import { BytesIndex } from "../bytesmap";
import { digits } from "./digits";
import { JsonKind, Tape } from "./tape";
import { decodeString, scanString } from "./text";

/** RFC 8259, nothing more: no comments, no trailing commas or text, no repeated keys, nesting up to `maxDepth`. */
export class Parser {
  readonly tape: Tape = new Tape();
  /** "" while all is well; then what is wrong at `problemAt`. The first problem stands. */
  problem: string = "";
  problemAt: i32 = 0;
  private at: i32 = 0;

  constructor(private text: usize, private size: i32, private maxDepth: i32) {}

  parse(): bool {
    this.value(0);
    this.space();
    if (this.ok && this.at < this.size) this.fail(this.at, "text after the end of the JSON value");
    return this.ok;
  }

  private get ok(): bool {
    return this.problem.length == 0;
  }

  private fail(at: i32, problem: string): void {
    if (!this.ok) return;
    this.problem = problem;
    this.problemAt = at;
  }

  private peek(): i32 {
    return this.at < this.size ? <i32>load<u8>(this.text + this.at) : -1;
  }

  private space(): void {
    for (let c = this.peek(); c == 0x20 || c == 0x0a || c == 0x0d || c == 0x09; c = this.peek()) this.at++;
  }

  private value(depth: i32): void {
    this.space();
    const c = this.peek();
    if (c == 0x7b || c == 0x5b) {
      if (depth >= this.maxDepth) this.fail(this.at, "nested deeper than " + digits(this.maxDepth));
      else if (c == 0x7b) this.object(depth);
      else this.array(depth);
    } else if (c == 0x22) this.string();
    else if (c == 0x2d || (c >= 0x30 && c <= 0x39)) this.number();
    else if (c == 0x74) this.word("true", JsonKind.True);
    else if (c == 0x66) this.word("false", JsonKind.False);
    else if (c == 0x6e) this.word("null", JsonKind.Null);
    else this.fail(this.at, c < 0 ? "text ends where a value should be" : "expected a value");
  }

  private word(word: string, kind: JsonKind): void {
    for (let i = 0; i < word.length; i++) {
      if (this.at + i >= this.size || load<u8>(this.text + this.at + i) != word.charCodeAt(i)) {
        this.fail(this.at, "expected a value");
        return;
      }
    }
    const node = this.tape.open(kind, this.at);
    this.at += word.length;
    this.tape.close(node, this.at);
  }

  private string(): i32 {
    const node = this.tape.open(JsonKind.String, this.at);
    const scan = scanString(this.text, this.size, this.at);
    if (scan.problem.length > 0) this.fail(scan.at, scan.problem);
    this.at = scan.at;
    this.tape.close(node, this.at);
    return node;
  }

  private digits(): bool {
    const from = this.at;
    for (let c = this.peek(); c >= 0x30 && c <= 0x39; c = this.peek()) this.at++;
    return this.at > from;
  }

  private number(): void {
    const node = this.tape.open(JsonKind.Number, this.at);
    let good = true;
    if (this.peek() == 0x2d) this.at++;
    if (this.peek() == 0x30) this.at++;
    else good = this.digits();
    if (good && this.peek() == 0x2e) {
      this.at++;
      good = this.digits();
    }
    if (good && (this.peek() | 0x20) == 0x65) {
      this.at++;
      if (this.peek() == 0x2b || this.peek() == 0x2d) this.at++;
      good = this.digits();
    }
    const c = this.peek();
    if (c >= 0x30 && c <= 0x39) good = false;
    if (!good) this.fail(this.tape.start(node), "malformed number");
    this.tape.close(node, this.at);
  }

  private array(depth: i32): void {
    const node = this.tape.open(JsonKind.Array, this.at++);
    this.space();
    if (this.peek() != 0x5d) {
      do {
        this.value(depth + 1);
        if (!this.ok) return;
        this.space();
      } while (this.comma());
      if (this.peek() != 0x5d) {
        this.fail(this.at, "expected , or ]");
        return;
      }
    }
    this.at++;
    this.tape.close(node, this.at);
  }

  private object(depth: i32): void {
    const node = this.tape.open(JsonKind.Object, this.at++);
    this.space();
    if (this.peek() != 0x7d) {
      do {
        this.space();
        if (this.peek() != 0x22) {
          this.fail(this.at, "expected a key in quotes");
          return;
        }
        this.string();
        this.space();
        if (this.ok && this.peek() != 0x3a) this.fail(this.at, "expected :");
        if (!this.ok) return;
        this.at++;
        this.value(depth + 1);
        if (!this.ok) return;
        this.space();
      } while (this.comma());
      if (this.peek() != 0x7d) {
        this.fail(this.at, "expected , or }");
        return;
      }
    }
    this.at++;
    this.tape.close(node, this.at);
    this.refuseRepeats(node);
  }

  /** Keys are compared as they are meant, not as they are spelled. */
  private refuseRepeats(object: i32): void {
    const end = this.tape.next(object);
    const seen = new BytesIndex();
    for (let key = object + 1; key < end; key = this.tape.next(this.tape.next(key))) {
      const count = seen.size;
      const name = decodeString(this.text, this.tape.start(key) + 1, this.tape.end(key) - 1);
      if (seen.add(name) == count) continue;
      this.fail(this.tape.start(key), "the key " + String.UTF8.decode(name) + " is there twice");
      return;
    }
  }

  private comma(): bool {
    if (this.peek() != 0x2c) return false;
    this.at++;
    return true;
  }
}

import { Bytes } from "./bytes";
import { property, propertyPath } from "./property";

const enum Kind {
  Constant,
  Text,
  Number,
  Boolean,
}

/** Hosts send numbers as 8 little-endian bytes; all others are text (`connection.mtls`: true or false). */
function kindOf(property: string): Kind {
  const numbers =
    " connection.id destination.port request.duration request.size request.total_size response.code response.flags " +
    "response.grpc_status response.size response.total_size source.port upstream.port ";
  if (numbers.includes(" " + property + " ")) return Kind.Number;
  return property == "connection.mtls" ? Kind.Boolean : Kind.Text;
}

class Part {
  constructor(
    readonly kind: Kind,
    /** What stands there, or the path of the property. */
    readonly bytes: ArrayBuffer,
    /** In place of an absent property; null: then the whole text is absent. */
    readonly otherwise: ArrayBuffer | null,
  ) {}
}

/**
 * Text of a configuration with properties in it: `%{source.address}`, `%{xds.route_name|none}`, and `%%` for one `%`.
 * Dots separate the parts of a path; a part with dots stands in brackets (`%{metadata.filter_metadata[a.b].c}`). Behind
 * `|` stands what replaces a property that is absent or empty, or that has a control character (it could end a header).
 */
export class PropertyText {
  private parts: Part[] = [];
  /** "" or what is wrong with the text; then nothing else here may be used. */
  problem: string = "";

  constructor(text: string) {
    this.read(text);
  }

  /** Nothing in it depends on the request. */
  get isConstant(): bool {
    return this.parts.length == 0 || (this.parts.length == 1 && this.parts[0].kind == Kind.Constant);
  }

  /** The text for this callback's request; null where a property without replacement is absent. */
  render(): ArrayBuffer | null {
    if (this.parts.length == 1) return valueOf(unchecked(this.parts[0]));
    const values: ArrayBuffer[] = [];
    let size = 0;
    for (let i = 0; i < this.parts.length; i++) {
      const value = valueOf(unchecked(this.parts[i]));
      if (value === null) return null;
      values.push(value);
      size += value.byteLength;
    }
    const result = new ArrayBuffer(size);
    let at = changetype<usize>(result);
    for (let i = 0; i < values.length; i++) {
      const value = unchecked(values[i]);
      memory.copy(at, changetype<usize>(value), value.byteLength);
      at += value.byteLength;
    }
    return result;
  }

  private read(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c < 0x20 || c == 0x7f) {
        this.problem = "a control character";
        return;
      }
    }
    let constant = "";
    let at = 0;
    while (at < text.length) {
      const c = text.charCodeAt(at);
      const next = at + 1 < text.length ? text.charCodeAt(at + 1) : 0;
      if (c != 0x25) {
        constant += text.charAt(at++);
      } else if (next == 0x25) {
        constant += "%";
        at += 2;
      } else if (next == 0x7b) {
        const end = text.indexOf("}", at);
        if (end < 0) {
          this.problem = "%{ without }";
          return;
        }
        this.constant(constant);
        constant = "";
        this.placeholder(text.substring(at + 2, end));
        at = end + 1;
      } else {
        this.problem = "% must be followed by {PROPERTY} or by another %";
        return;
      }
    }
    this.constant(constant);
  }

  private constant(text: string): void {
    if (text.length > 0) this.parts.push(new Part(Kind.Constant, String.UTF8.encode(text), null));
  }

  private placeholder(text: string): void {
    const bar = text.indexOf("|");
    const path = bar < 0 ? text : text.substring(0, bar);
    const steps = splitPath(path);
    if (steps.length == 0) this.problem = "%{" + path + "} is no path of a property";
    const dotted = steps.join(".");
    const kind = kindOf(dotted);
    let otherwise: ArrayBuffer | null = null;
    if (bar >= 0) otherwise = String.UTF8.encode(text.substring(bar + 1));
    this.parts.push(new Part(kind, propertyPath(steps), otherwise));
  }
}

function valueOf(part: Part): ArrayBuffer | null {
  if (part.kind == Kind.Constant) return part.bytes;
  const value = property(part.bytes);
  if (value === null || value.length == 0 || hasControl(value, part.kind)) return part.otherwise;
  if (part.kind == Kind.Text) return value.copy();
  if (part.kind == Kind.Boolean) return String.UTF8.encode(value.byteAt(0) == 1 ? "true" : "false");
  return value.length == 8 ? String.UTF8.encode((<i64>value.toU64()).toString()) : part.otherwise;
}

function hasControl(value: Bytes, kind: Kind): bool {
  if (kind != Kind.Text) return false;
  for (let i = 0; i < value.length; i++) {
    const c = load<u8>(value.start + i);
    if (c < 0x20 || c == 0x7f) return true;
  }
  return false;
}

/** `a.b[c.d].e` -> a, b, c.d, e. Empty where it is malformed. */
function splitPath(path: string): string[] {
  const steps: string[] = [];
  let step = "";
  let closed = false;
  for (let i = 0; i < path.length; i++) {
    const c = path.charAt(i);
    if (c == "." || c == "[") {
      if (step.length == 0 && !closed) return [];
      if (step.length > 0) steps.push(step);
      step = "";
      closed = false;
      if (c == ".") continue;
      const end = path.indexOf("]", i);
      if (end <= i + 1) return [];
      steps.push(path.substring(i + 1, end));
      i = end;
      closed = true;
    } else if (c == "]" || closed) return [];
    else step += c;
  }
  if (step.length > 0) steps.push(step);
  else if (!closed) return [];
  return steps;
}

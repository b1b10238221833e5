import { allocate } from "./arena";
import { Bytes } from "./bytes";
import { Pairs } from "./pairs";
import { property, propertyPath } from "./property";
import { PropertyText } from "./propertytext";

// @ts-ignore: decorator
@lazy
const PRINCIPAL = propertyPath(["connection", "uri_san_peer_certificate"]);
// @ts-ignore: decorator
@lazy
const ADDRESS = propertyPath(["source", "address"]);
// @ts-ignore: decorator
@lazy
const METHOD = String.UTF8.encode(":method");
// @ts-ignore: decorator
@lazy
const PATH = String.UTF8.encode(":path");
// @ts-ignore: decorator
@lazy
const NONE = new ArrayBuffer(0);

const enum Kind {
  Method,
  Path,
  Header,
  Principal,
  RemoteAddress,
  Text,
}

/**
 * Something that a request says of itself, named in a configuration: `method`, `path` (without its query), `principal`
 * (URI name of the client's certificate), `remoteAddress` (without its port), `header:NAME` (all values, joined with
 * commas), `text:TEXT` (with properties: PropertyText).
 */
export class RequestValue {
  private kind: Kind = Kind.Method;
  private header: ArrayBuffer = NONE;
  private text: PropertyText | null = null;
  /** "" or what is wrong with the name; then nothing else here may be used. */
  problem: string = "";

  constructor(name: string) {
    if (name == "method") this.kind = Kind.Method;
    else if (name == "path") this.kind = Kind.Path;
    else if (name == "principal") this.kind = Kind.Principal;
    else if (name == "remoteAddress") this.kind = Kind.RemoteAddress;
    else if (name.startsWith("header:") && isHeader(name, 7)) {
      this.kind = Kind.Header;
      this.header = String.UTF8.encode(name.substring(7));
    } else if (name.startsWith("text:") && name.length > 5) {
      const text = new PropertyText(name.substring(5));
      this.kind = Kind.Text;
      this.text = text;
      this.problem = text.problem;
    } else {
      this.problem = "expected method, path, principal, remoteAddress, header:NAME (in lower case) or text:TEXT";
    }
  }

  /** `headers`: those of the request. null where it is absent. Valid during this callback. */
  read(headers: Pairs): Bytes | null {
    switch (this.kind) {
      case Kind.Method: return headers.find(METHOD);
      case Kind.Path: return withoutQuery(headers.find(PATH));
      case Kind.Header: return joined(headers, this.header);
      case Kind.Principal: return filled(property(PRINCIPAL));
      case Kind.RemoteAddress: return withoutPort(filled(property(ADDRESS)));
      default: return rendered(this.text);
    }
  }
}

/** Visible ASCII without capitals. Not `toLowerCase`: its tables are 8 kB. */
function isHeader(name: string, from: i32): bool {
  for (let i = from; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f || (c >= 0x41 && c <= 0x5a)) return false;
  }
  return name.length > from;
}

function joined(headers: Pairs, name: ArrayBuffer): Bytes | null {
  const first = headers.find(name);
  if (first === null) return null;
  let size = first.length;
  let count = 1;
  while (headers.next()) {
    if (!headers.nameIs(name)) continue;
    size += 1 + headers.value.length;
    count++;
  }
  if (count == 1) return first;
  const list = allocate(size);
  let at = list;
  headers.rewind();
  for (let i = 0; i < count && headers.next(); ) {
    if (!headers.nameIs(name)) continue;
    if (i++ > 0) store<u8>(at++, 0x2c);
    const value = headers.value;
    memory.copy(at, value.start, value.length);
    at += value.length;
  }
  return Bytes.at(list, size);
}

/** In memory of this callback: a view would not keep the text alive. */
function rendered(text: PropertyText | null): Bytes | null {
  if (text === null) return null;
  const buffer = text.render();
  if (buffer === null) return null;
  const copy = allocate(buffer.byteLength);
  memory.copy(copy, changetype<usize>(buffer), buffer.byteLength);
  return Bytes.at(copy, buffer.byteLength);
}

function filled(value: Bytes | null): Bytes | null {
  return value !== null && value.length > 0 ? value : null;
}

/** The part of a path that rules see: up to the first `?` or `#`. Null stays null. Shares the memory of `path`. */
export function withoutQuery(path: Bytes | null): Bytes | null {
  if (path === null) return null;
  for (let i = 0; i < path.length; i++) {
    const c = path.byteAt(i);
    if (c == 0x3f || c == 0x23) return path.slice(0, i);
  }
  return path;
}

/** `10.0.0.1:80` and `[::1]:80`; the address of a unix socket stays whole. */
function withoutPort(address: Bytes | null): Bytes | null {
  if (address === null) return null;
  for (let i = address.length - 1; i > 0; i--) {
    const c = address.byteAt(i);
    if (c == 0x3a) return address.slice(0, i);
    if (c < 0x30 || c > 0x39) break;
  }
  return address;
}

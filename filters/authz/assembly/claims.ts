import { allocate, Bytes, property, propertyPath, utf8 } from "proxy-wasm-sdk/assembly";
import { matchesAny, Pattern } from "./pattern";

/** All dynamic metadata, as a message: part by part the host would not tell a number or a list from a text. */
const METADATA = propertyPath(["metadata"]);
const FILTER = utf8("envoy.filters.http.jwt_authn");
/** `payload_in_metadata` of a provider of jwt_authn, as Istio sets it. */
const PAYLOAD = utf8("payload");

/** Numbers of fields: envoy.config.core.v3.Metadata, google.protobuf.Struct and ListValue hold what they hold in 1. */
const CONTENT = 1;
const KEY = 1;
const VALUE = 2;
/** Of google.protobuf.Value. */
const STRING = 3;
const STRUCT = 5;
const LIST = 6;

/** The claims of the request's verified token, a Struct; null where it has none. */
export function readClaims(): Bytes | null {
  const metadata = property(METADATA);
  if (metadata === null) return null;
  const filter = member(metadata, FILTER);
  return filter === null ? null : structIn(member(filter, PAYLOAD));
}

/** The value (a google.protobuf.Value) at a path of names; null where there is none. */
export function claimAt(claims: Bytes | null, path: ArrayBuffer[]): Bytes | null {
  const last = path.length - 1;
  for (let i = 0; i < last && claims !== null; i++) claims = structIn(member(claims, path[i]));
  return claims === null ? null : member(claims, path[last]);
}

/** The text of a value; null where it is no text. */
export function textIn(value: Bytes | null): Bytes | null {
  return value === null ? null : field(value, STRING);
}

/** Whether a value is a text that matches, or a list with such a text in it. */
export function anyText(value: Bytes, patterns: Pattern[]): bool {
  const text = textIn(value);
  if (text !== null) return matchesAny(patterns, text);
  const list = field(value, LIST);
  if (list === null) return false;
  const items = Fields.of(list);
  while (items.next()) {
    const item = textIn(items.value);
    if (items.number == CONTENT && item !== null && matchesAny(patterns, item)) return true;
  }
  return false;
}

function structIn(value: Bytes | null): Bytes | null {
  return value === null ? null : field(value, STRUCT);
}

/** What a map (field 1 of a message) has under a name. */
export function member(message: Bytes, name: ArrayBuffer): Bytes | null {
  const entries = Fields.of(message);
  while (entries.next()) {
    if (entries.number != CONTENT) continue;
    const entry = entries.value;
    const key = field(entry, KEY);
    if (key !== null && key.equals(name)) return field(entry, VALUE);
  }
  return null;
}

/** The bytes of the first field of this number that has bytes. */
function field(message: Bytes, number: i32): Bytes | null {
  const fields = Fields.of(message);
  while (fields.next()) if (fields.number == number) return fields.value;
  return null;
}

/** The fields of a message that have bytes, in their order; all others are passed over. Ends at what is no message. */
@unmanaged
class Fields {
  private at: i32 = 0;
  private message: Bytes = changetype<Bytes>(0);
  number: i32 = 0;
  value: Bytes = changetype<Bytes>(0);

  static of(message: Bytes): Fields {
    const fields = changetype<Fields>(allocate(offsetof<Fields>()));
    fields.message = message;
    fields.at = 0;
    return fields;
  }

  next(): bool {
    while (this.at < this.message.length) {
      const tag = this.varint();
      const wire = tag & 7;
      if (wire == 2) {
        const size = this.varint();
        if (<u32>size > <u32>(this.message.length - this.at)) break;
        this.number = tag >> 3;
        this.value = this.message.slice(this.at, this.at + size);
        this.at += size;
        return true;
      }
      if (wire == 0) this.varint();
      else if (wire == 1) this.at += 8;
      else if (wire == 5) this.at += 4;
      else break;
    }
    return false;
  }

  /** Its lower 32 bits. */
  private varint(): i32 {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.message.byteAt(this.at++);
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }
}

import { Bytes, JsonDocument, JsonKind, JsonValue } from "../../assembly";

/** The document written again, with sizes of strings in bytes and their bytes in hexadecimal; or its error. */
export function dumpJson(text: Bytes): string {
  const document = JsonDocument.parse(text);
  if (!document.ok) return "error " + document.error;
  const dump = dumpValue(document.root);
  return document.ok ? dump : "error " + document.error;
}

function dumpValue(value: JsonValue): string {
  switch (value.kind) {
    case JsonKind.Null: return "null";
    case JsonKind.True:
    case JsonKind.False: return value.boolean().toString();
    case JsonKind.Number: return value.number().toString();
    case JsonKind.String: return hex(value.bytes());
    case JsonKind.Array: {
      const items = value.items();
      const parts: string[] = [];
      for (let i = 0; i < items.length; i++) parts.push(dumpValue(items[i]));
      return "[" + parts.join(",") + "]";
    }
    default: {
      const entries = value.entries();
      const parts: string[] = [];
      for (let i = 0; i < entries.length; i++) parts.push(hex(entries[i].key) + ":" + dumpValue(entries[i].value));
      return "{" + parts.join(",") + "}";
    }
  }
}

function hex(bytes: ArrayBuffer): string {
  let text = "'";
  for (let i = 0; i < bytes.byteLength; i++) text += load<u8>(changetype<usize>(bytes) + i).toString(16).padStart(2, "0");
  return text;
}

/** JSON as google.protobuf.Value, and Envoy's dynamic metadata as a message: what Envoy gives for the property `metadata`. */

/** A google.protobuf.Value. */
export function valueBytes(json: unknown): Buffer {
  if (json === null) return Buffer.from([tag(1, VARINT), 0]);
  if (typeof json === 'boolean') return Buffer.from([tag(4, VARINT), json ? 1 : 0]);
  if (typeof json === 'string') return bytesField(3, Buffer.from(json));
  if (typeof json === 'number') {
    const double = Buffer.alloc(9);
    double.writeUInt8(tag(2, FIXED64));
    double.writeDoubleLE(json, 1);
    return double;
  }
  if (Array.isArray(json)) return bytesField(6, Buffer.concat(json.map((item) => bytesField(1, valueBytes(item)))));
  return bytesField(5, mapBytes(json as object, valueBytes));
}

/** An envoy.config.core.v3.Metadata; `filters`: JSON by name of the filter. */
export function metadataBytes(filters: Readonly<Record<string, object>>): Buffer {
  return mapBytes(filters, (struct) => mapBytes(struct as object, valueBytes));
}

/** Of the filter jwt_authn with `payload_in_metadata: payload`. */
export function jwtMetadata(claims: object): Buffer {
  return metadataBytes({ 'envoy.filters.http.jwt_authn': { payload: claims } });
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

function mapBytes(map: object, encode: (value: unknown) => Buffer): Buffer {
  const entries = Object.entries(map).map(([key, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, encode(value))])),
  );
  return Buffer.concat(entries);
}

function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag(number, BYTES)]), varint(bytes.length), bytes]);
}

function tag(number: number, wire: number): number {
  return (number << 3) | wire;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

import { Bytes, property, propertyPath, requestHeaders, utf8 } from "proxy-wasm-sdk/assembly";
import { flagNames } from "./flags";

/** Labels that every metric has, beside those of the configuration. */
export const OWN_LABELS = [
  "reporter", "request_protocol", "response_code", "grpc_response_status", "response_flags", "connection_security_policy",
];

const CONTENT_TYPE = utf8("content-type");
const GRPC = utf8("application/grpc");
const CODE = propertyPath(["response", "code"]);
const FLAGS = propertyPath(["response", "flags"]);
const GRPC_STATUS = propertyPath(["response", "grpc_status"]);
const MTLS = propertyPath(["connection", "mtls"]);
const DURATION = propertyPath(["request", "duration"]);
const REQUEST_SIZE = propertyPath(["request", "total_size"]);
const RESPONSE_SIZE = propertyPath(["response", "total_size"]);
const NS_PER_MS: u64 = 1_000_000;

/** The labels of OWN_LABELS for the exchange that ends now, as they stand in names of metrics. */
export function ownLabels(isSource: bool): string {
  const grpc = isGrpc(requestHeaders.first(CONTENT_TYPE));
  return (
    "reporter=.=" + (isSource ? "source" : "destination") +
    ";.;request_protocol=.=" + (grpc ? "grpc" : "http") +
    ";.;response_code=.=" + number(CODE).toString() +
    ";.;grpc_response_status=.=" + (grpc ? grpcStatus() : "") +
    ";.;response_flags=.=" + flagNames(number(FLAGS)) +
    ";.;connection_security_policy=.=" + security(isSource) + ";.;"
  );
}

/** From its first byte to its end; -1 while it is not over. */
export function durationMs(): i64 {
  const value = property(DURATION);
  return value === null ? -1 : <i64>(value.toU64() / NS_PER_MS);
}

/** Headers, body and trailers. */
export function requestBytes(): u64 {
  return number(REQUEST_SIZE);
}

/** Headers, body and trailers. */
export function responseBytes(): u64 {
  return number(RESPONSE_SIZE);
}

/** `application/grpc`, alone or with `+proto`, `;charset` and such. `application/grpc-web` is another protocol. */
function isGrpc(type: Bytes | null): bool {
  if (type === null || !type.startsWith(GRPC)) return false;
  const next = type.byteAt(GRPC.byteLength);
  return next == -1 || next == 0x2b || next == 0x3b;
}

function grpcStatus(): string {
  const value = property(GRPC_STATUS);
  return value === null || value.length != 8 ? "" : value.toU64().toString();
}

/** The caller's proxy cannot tell what its connection to the callee will be. */
function security(isSource: bool): string {
  if (isSource) return "unknown";
  const mtls = property(MTLS);
  return mtls !== null && mtls.byteAt(0) == 1 ? "mutual_tls" : "none";
}

function number(path: ArrayBuffer): u64 {
  const value = property(path);
  return value === null ? 0 : value.toU64();
}

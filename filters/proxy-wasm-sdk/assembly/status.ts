/** Numbers of proxy-wasm ABI 0.2.1. */

/** What a host function answers. Wrappers hand it on as a value; none of them throws. */
export enum Status {
  Ok = 0,
  NotFound = 1,
  BadArgument = 2,
  SerializationFailure = 3,
  ParseFailure = 4,
  BadExpression = 5,
  InvalidMemoryAccess = 6,
  Empty = 7,
  /** Somebody else changed the shared value in between: read it again. */
  CasMismatch = 8,
  ResultMismatch = 9,
  InternalFailure = 10,
  BrokenConnection = 11,
  Unimplemented = 12,
}

/** Of a line in the proxy's log, which has a level for WASM of its own (Envoy: `--component-log-level wasm:info`). */
export enum LogLevel {
  Trace = 0,
  Debug = 1,
  Info = 2,
  Warn = 3,
  Error = 4,
  Critical = 5,
}

/** Verdict of a headers, trailers or connection callback. */
export enum Action {
  Continue = 0,
  /** Nothing goes on until `resumeRequest()`, `resumeResponse()` or a local reply. */
  Pause = 1,
}

/** Verdict of a body or data callback. */
export enum DataAction {
  Continue = 0,
  /** The host keeps what came so far and calls again with more, up to its buffer limit (then 413 or 500). */
  PauseAndBuffer = 1,
  /** As above, but the peer is slowed down at the limit instead. */
  PauseAndWatermark = 2,
  /** This chunk is dropped. */
  PauseNoBuffer = 3,
}

/** Numbers of the maps: use the constants of headers.ts. */
export enum HeaderMap {
  Request = 0,
  RequestTrailers = 1,
  Response = 2,
  ResponseTrailers = 3,
  GrpcInitialMetadata = 4,
  GrpcTrailingMetadata = 5,
  HttpCallResponse = 6,
  HttpCallResponseTrailers = 7,
}

/** Numbers of the buffers: use the constants of body.ts. */
export enum Buffer {
  RequestBody = 0,
  ResponseBody = 1,
  DownstreamData = 2,
  UpstreamData = 3,
  HttpCallResponseBody = 4,
  GrpcMessage = 5,
  VmConfiguration = 6,
  PluginConfiguration = 7,
  ForeignFunctionArgument = 8,
}

/** What goes on or is closed: use the methods of the contexts. */
export enum Stream {
  Request = 0,
  Response = 1,
  Downstream = 2,
  Upstream = 3,
}

/** Use the classes of metric.ts. */
export enum MetricType {
  Counter = 0,
  Gauge = 1,
  Histogram = 2,
}

/** gRPC status codes, for local replies and call-outs. */
export enum GrpcStatus {
  /** Of a local reply: derived from the HTTP status. */
  Unset = -1,
  Ok = 0,
  Cancelled = 1,
  Unknown = 2,
  InvalidArgument = 3,
  DeadlineExceeded = 4,
  NotFound = 5,
  AlreadyExists = 6,
  PermissionDenied = 7,
  ResourceExhausted = 8,
  FailedPrecondition = 9,
  Aborted = 10,
  OutOfRange = 11,
  Unimplemented = 12,
  Internal = 13,
  Unavailable = 14,
  DataLoss = 15,
  Unauthenticated = 16,
}

/** Numbers of proxy-wasm ABI 0.2.1, as the host sees them. */

export const Status = {
  Ok: 0,
  NotFound: 1,
  BadArgument: 2,
  InvalidMemoryAccess: 6,
  Empty: 7,
  CasMismatch: 8,
  InternalFailure: 10,
  Unimplemented: 12,
} as const;

export const HeaderMap = {
  Request: 0,
  RequestTrailers: 1,
  Response: 2,
  ResponseTrailers: 3,
  GrpcInitialMetadata: 4,
  GrpcTrailingMetadata: 5,
  HttpCallResponse: 6,
  HttpCallResponseTrailers: 7,
} as const;

export const BufferType = {
  RequestBody: 0,
  ResponseBody: 1,
  DownstreamData: 2,
  UpstreamData: 3,
  HttpCallResponseBody: 4,
  GrpcMessage: 5,
  VmConfiguration: 6,
  PluginConfiguration: 7,
  ForeignFunctionArgument: 8,
} as const;

/** `request` and `response` of HTTP, `downstream` and `upstream` of TCP. */
export const STREAMS = ['request', 'response', 'downstream', 'upstream'] as const;
export type StreamName = (typeof STREAMS)[number];

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'critical'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const METRIC_TYPES = ['counter', 'gauge', 'histogram'] as const;
export type MetricType = (typeof METRIC_TYPES)[number];

/** Parameters of each host function; i = i32, I = i64. All return i32. */
export const SIGNATURES: Readonly<Record<string, string>> = {
  proxy_log: 'iii',
  proxy_get_log_level: 'i',
  proxy_get_status: 'iii',
  proxy_get_property: 'iiii',
  proxy_set_property: 'iiii',
  proxy_get_header_map_value: 'iiiii',
  proxy_add_header_map_value: 'iiiii',
  proxy_replace_header_map_value: 'iiiii',
  proxy_remove_header_map_value: 'iii',
  proxy_get_header_map_pairs: 'iii',
  proxy_set_header_map_pairs: 'iii',
  proxy_get_header_map_size: 'ii',
  proxy_get_buffer_status: 'iii',
  proxy_get_buffer_bytes: 'iiiii',
  proxy_set_buffer_bytes: 'iiiii',
  proxy_continue_stream: 'i',
  proxy_close_stream: 'i',
  proxy_send_local_response: 'iiiiiiii',
  proxy_get_shared_data: 'iiiii',
  proxy_set_shared_data: 'iiiii',
  proxy_register_shared_queue: 'iii',
  proxy_resolve_shared_queue: 'iiiii',
  proxy_dequeue_shared_queue: 'iii',
  proxy_enqueue_shared_queue: 'iii',
  proxy_http_call: 'iiiiiiiiii',
  proxy_grpc_call: 'iiiiiiiiiiii',
  proxy_grpc_stream: 'iiiiiiiii',
  proxy_grpc_send: 'iiii',
  proxy_grpc_close: 'i',
  proxy_grpc_cancel: 'i',
  proxy_get_current_time_nanoseconds: 'i',
  proxy_set_tick_period_milliseconds: 'i',
  proxy_define_metric: 'iiii',
  proxy_increment_metric: 'iI',
  proxy_record_metric: 'iI',
  proxy_get_metric: 'ii',
  proxy_set_effective_context: 'i',
  proxy_done: '',
  proxy_call_foreign_function: 'iiiiii',
};

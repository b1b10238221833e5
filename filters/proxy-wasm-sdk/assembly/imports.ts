/**
 * The host functions of proxy-wasm ABI 0.2.1, as they are. Only those that a filter reaches end up in its module.
 * Filters use the wrappers of the other files; these trap or corrupt memory when given wrong pointers.
 *
 * Every function returns a `Status` (see status.ts). `out*` are addresses that the host writes to: a u32 unless said
 * otherwise. What the host hands out lies in memory that it took from `proxy_on_memory_allocate` (see arena.ts).
 */

// @ts-ignore: decorator
@external("env", "proxy_log") export declare function proxy_log(level: i32, message: usize, size: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_log_level") export declare function proxy_get_log_level(outLevel: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_status") export declare function proxy_get_status(outCode: usize, outMessage: usize, outSize: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_property") export declare function proxy_get_property(path: usize, pathSize: i32, outValue: usize, outSize: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_set_property") export declare function proxy_set_property(path: usize, pathSize: i32, value: usize, size: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_header_map_value") export declare function proxy_get_header_map_value(map: i32, name: usize, nameSize: i32, outValue: usize, outSize: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_add_header_map_value") export declare function proxy_add_header_map_value(map: i32, name: usize, nameSize: i32, value: usize, size: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_replace_header_map_value") export declare function proxy_replace_header_map_value(map: i32, name: usize, nameSize: i32, value: usize, size: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_remove_header_map_value") export declare function proxy_remove_header_map_value(map: i32, name: usize, nameSize: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_header_map_pairs") export declare function proxy_get_header_map_pairs(map: i32, outPairs: usize, outSize: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_set_header_map_pairs") export declare function proxy_set_header_map_pairs(map: i32, pairs: usize, size: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_header_map_size") export declare function proxy_get_header_map_size(map: i32, outSize: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_buffer_status") export declare function proxy_get_buffer_status(buffer: i32, outSize: usize, outFlags: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_buffer_bytes") export declare function proxy_get_buffer_bytes(buffer: i32, start: i32, size: i32, outBytes: usize, outSize: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_set_buffer_bytes") export declare function proxy_set_buffer_bytes(buffer: i32, start: i32, size: i32, bytes: usize, bytesSize: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_continue_stream") export declare function proxy_continue_stream(stream: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_close_stream") export declare function proxy_close_stream(stream: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_send_local_response") export declare function proxy_send_local_response(code: i32, details: usize, detailsSize: i32, body: usize, bodySize: i32, headers: usize, headersSize: i32, grpcStatus: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_get_shared_data") export declare function proxy_get_shared_data(key: usize, keySize: i32, outValue: usize, outSize: usize, outCas: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_set_shared_data") export declare function proxy_set_shared_data(key: usize, keySize: i32, value: usize, size: i32, cas: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_register_shared_queue") export declare function proxy_register_shared_queue(name: usize, nameSize: i32, outToken: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_resolve_shared_queue") export declare function proxy_resolve_shared_queue(vmId: usize, vmIdSize: i32, name: usize, nameSize: i32, outToken: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_dequeue_shared_queue") export declare function proxy_dequeue_shared_queue(token: u32, outBytes: usize, outSize: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_enqueue_shared_queue") export declare function proxy_enqueue_shared_queue(token: u32, bytes: usize, size: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_http_call") export declare function proxy_http_call(cluster: usize, clusterSize: i32, headers: usize, headersSize: i32, body: usize, bodySize: i32, trailers: usize, trailersSize: i32, timeoutMs: u32, outToken: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_grpc_call") export declare function proxy_grpc_call(target: usize, targetSize: i32, service: usize, serviceSize: i32, method: usize, methodSize: i32, metadata: usize, metadataSize: i32, message: usize, messageSize: i32, timeoutMs: u32, outToken: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_grpc_stream") export declare function proxy_grpc_stream(target: usize, targetSize: i32, service: usize, serviceSize: i32, method: usize, methodSize: i32, metadata: usize, metadataSize: i32, outToken: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_grpc_send") export declare function proxy_grpc_send(token: u32, message: usize, size: i32, endStream: i32): i32;
// @ts-ignore: decorator
@external("env", "proxy_grpc_close") export declare function proxy_grpc_close(token: u32): i32;
// @ts-ignore: decorator
@external("env", "proxy_grpc_cancel") export declare function proxy_grpc_cancel(token: u32): i32;
/** Writes a u64. */
// @ts-ignore: decorator
@external("env", "proxy_get_current_time_nanoseconds") export declare function proxy_get_current_time_nanoseconds(outTime: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_set_tick_period_milliseconds") export declare function proxy_set_tick_period_milliseconds(period: u32): i32;
// @ts-ignore: decorator
@external("env", "proxy_define_metric") export declare function proxy_define_metric(type: i32, name: usize, nameSize: i32, outId: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_increment_metric") export declare function proxy_increment_metric(id: u32, offset: i64): i32;
// @ts-ignore: decorator
@external("env", "proxy_record_metric") export declare function proxy_record_metric(id: u32, value: u64): i32;
/** Writes a u64. */
// @ts-ignore: decorator
@external("env", "proxy_get_metric") export declare function proxy_get_metric(id: u32, outValue: usize): i32;
// @ts-ignore: decorator
@external("env", "proxy_set_effective_context") export declare function proxy_set_effective_context(id: u32): i32;
// @ts-ignore: decorator
@external("env", "proxy_done") export declare function proxy_done(): i32;
// @ts-ignore: decorator
@external("env", "proxy_call_foreign_function") export declare function proxy_call_foreign_function(name: usize, nameSize: i32, argument: usize, size: i32, outResult: usize, outSize: usize): i32;

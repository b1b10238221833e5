/** A proxy-wasm host for tests. Needs Node 24 (it runs TypeScript as it is). */
export type { LogLevel, StreamName } from './abi.ts';
export { Calls, type GrpcCall, type HttpAnswer, type HttpCall } from './calls.ts';
export { FakeClock } from './clock.ts';
export type { GuestContext, LocalReply, PropertyValue } from './context.ts';
export { ConfigurationRefused, Host, type HostOptions, type LogLine, type PluginOptions } from './host.ts';
export { HttpStream, type Verdict } from './http-stream.ts';
export { Metrics } from './metrics.ts';
export { type FilterModule, loadFilter } from './module.ts';
export { decodePairs, encodePairs, type HeaderList } from './pairs.ts';
export { Plugin, type StreamOptions } from './plugin.ts';
export { TcpStream } from './tcp-stream.ts';
export { Vm } from './vm.ts';

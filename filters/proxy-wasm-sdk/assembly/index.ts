/** proxy-wasm ABI 0.2.1 for AssemblyScript: what a filter imports. Its exports come from `./exports/*`. */
import "./abort";
export { allocate } from "./arena";
export * from "./body";
export { Bytes, utf8 } from "./bytes";
export { BytesIndex, BytesMap, fnv1a } from "./bytesmap";
export { collectSoon } from "./collect";
export { Context, HttpContext, RootContext, TcpContext } from "./context";
export * from "./headers";
export { JsonDocument } from "./json/document";
export { JsonKind } from "./json/tape";
export { JsonEntry, JsonValue } from "./json/value";
export { log, logs } from "./log";
export { Counter, Gauge, Histogram } from "./metric";
export { PairList, Pairs } from "./pairs";
export { property, propertyPath, setProperty } from "./property";
export { registerRoot } from "./registry";
export { localReply } from "./reply";
export * from "./status";

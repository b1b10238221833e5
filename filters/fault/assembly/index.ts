/** Delays and aborts requests, to see how callers stand it. README.md says how to load it. */
import { registerRoot } from "proxy-wasm-sdk/assembly";
import { FaultRoot } from "./root";

export * from "proxy-wasm-sdk/assembly/exports/base";
export * from "proxy-wasm-sdk/assembly/exports/done";
export * from "proxy-wasm-sdk/assembly/exports/request-headers";
export * from "proxy-wasm-sdk/assembly/exports/tick";

registerRoot(() => new FaultRoot());

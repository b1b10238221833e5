/** Istio's standard metrics for HTTP, as statistics of Envoy. README.md says how to load it. */
import { registerRoot } from "proxy-wasm-sdk/assembly";
import { TelemetryRoot } from "./root";

export * from "proxy-wasm-sdk/assembly/exports/base";
export * from "proxy-wasm-sdk/assembly/exports/log";

registerRoot(() => new TelemetryRoot());

/** Limits the rate of requests with token buckets that all workers share. README.md says how to load it. */
import { registerRoot } from "proxy-wasm-sdk/assembly";
import { RateLimitRoot } from "./root";

export * from "proxy-wasm-sdk/assembly/exports/base";
export * from "proxy-wasm-sdk/assembly/exports/request-headers";
export * from "proxy-wasm-sdk/assembly/exports/response-headers";

registerRoot(() => new RateLimitRoot());

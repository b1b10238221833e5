/** Istio's AuthorizationPolicy for HTTP as an Envoy filter. README.md says how to load it. */
import { registerRoot } from "proxy-wasm-sdk/assembly";
import { AuthzRoot } from "./root";

export * from "proxy-wasm-sdk/assembly/exports/headers-only";

registerRoot(() => new AuthzRoot());

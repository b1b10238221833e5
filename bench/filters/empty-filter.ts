/** A filter that does nothing: what any WASM filter costs that looks at requests. */

import { wasmPlugin } from '../../src/proxy/filters.ts';
import type { Json } from '../../test/filters/support/envoy.ts';
import { compileFilter } from '../../test/support/filter-module.ts';
import { httpWasm } from './authz-filter.ts';

const SOURCE = `
import { registerRoot, RootContext } from "proxy-wasm-sdk/assembly";
export * from "proxy-wasm-sdk/assembly/exports/headers-only";

class Root extends RootContext {}

registerRoot(() => new Root());
`;

/** Compiles it into a folder. */
export function emptyFilter(dir: string): Json {
  return httpWasm('empty', wasmPlugin('empty', '', compileFilter(dir, 'empty', SOURCE).path));
}

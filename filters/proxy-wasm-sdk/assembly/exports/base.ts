/** What a filter exports: `export * from "proxy-wasm-sdk/assembly/exports/base"`. */
import { enter, leave } from "../arena";
import { contextOf, create, remove } from "../registry";

export * from "./vm";

export function proxy_on_context_create(id: u32, parent: u32): void {
  enter();
  create(id, parent);
  leave();
}

export function proxy_on_delete(id: u32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onDelete();
  remove(id);
  leave();
}

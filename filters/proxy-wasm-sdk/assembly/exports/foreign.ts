import { enter, leave } from "../arena";
import { contextOf } from "../registry";

export function proxy_on_foreign_function(id: u32, functionId: u32, size: i32): void {
  enter();
  const context = contextOf(id);
  if (context !== null) context.onForeignFunction(functionId, size);
  leave();
}

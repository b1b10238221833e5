/**
 * In place of `base` and `request-headers`, for a filter that decides by the headers of a request and keeps nothing of it:
 * `RootContext.onRequest` is called, no HttpContext is made, and the host calls twice for each request, not three times. There
 * is no `onDelete`, also for roots: those of configurations that are gone are dropped when the next one comes.
 */
import { enter, leave } from "../arena";
import { createBare, takeRoot } from "../bare";
import { withoutContext } from "../refuse";

export * from "./vm";

export function proxy_on_context_create(id: u32, parent: u32): void {
  enter();
  createBare(id, parent);
  leave();
}

export function proxy_on_request_headers(id: u32, count: i32, endOfStream: i32): i32 {
  enter();
  const root = takeRoot(id);
  const action = root === null ? withoutContext() : <i32>root.onRequest(count, endOfStream != 0);
  leave();
  return action;
}

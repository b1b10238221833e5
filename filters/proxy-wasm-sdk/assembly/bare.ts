import { RootContext } from "./context";
import { ContextMap } from "./contextmap";
import { proxy_set_effective_context } from "./imports";
import { contextIds, create, forget, rootOf } from "./registry";
import { Status } from "./status";

/**
 * @internal For `exports/headers-only`: streams that are no more than a number and the configuration that they belong to. The
 * host is not asked to say when a context goes; whether one is still there is found out when a new one comes.
 */

/** Least number of waiting streams before those that are gone are looked for. */
const LEAST_SWEPT: i32 = 1024;

/** The newest stream, whose headers come next in Envoy. */
let newest: u32 = 0;
let newestRoot: RootContext | null = null;
/** Streams of a host that makes them long before their headers come, each with its root. */
const waiting = new ContextMap();
let sweepAt: i32 = LEAST_SWEPT;

export function createBare(id: u32, parent: u32): void {
  if (parent == 0) {
    forgetRoots();
    proxy_set_effective_context(id);
    create(id, 0);
    return;
  }
  const before = newestRoot;
  if (before !== null) wait(newest, before);
  newest = id;
  newestRoot = rootOf(parent);
}

/** The configuration that a stream belongs to, once: null for one that is not known. */
export function takeRoot(id: u32): RootContext | null {
  if (id == newest) {
    const root = newestRoot;
    newestRoot = null;
    return root;
  }
  const root = waiting.find(id);
  if (root === null) return null;
  waiting.delete(id);
  return changetype<RootContext>(root);
}

function wait(id: u32, root: RootContext): void {
  if (waiting.size >= sweepAt) {
    const ids = waiting.keys;
    for (let i = 0; i < ids.length; i++) if (!isThere(ids[i])) waiting.delete(ids[i]);
    sweepAt = max(LEAST_SWEPT, waiting.size * 2);
  }
  waiting.set(id, root);
}

/** Configurations that were taken away: there are never more than the host had at once, and one. */
function forgetRoots(): void {
  const ids = contextIds();
  for (let i = 0; i < ids.length; i++) if (!isThere(ids[i])) forget(ids[i]);
}

function isThere(id: u32): bool {
  return proxy_set_effective_context(id) == Status.Ok;
}

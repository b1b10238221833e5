import { Context, HttpContext, RootContext, TcpContext } from "./context";

/** Contexts by the host's number; nothing else knows which configuration a stream belongs to. */
const roots = new Map<u32, RootContext>();
/** null: the root said that this stream passes untouched. */
const https = new Map<u32, HttpContext | null>();
const tcps = new Map<u32, TcpContext>();

let factory: (() => RootContext) | null = null;

/** Says what a configuration is made of. Once, at the top of the filter's index.ts. */
export function registerRoot(create: () => RootContext): void {
  factory = create;
}

/** @internal For the export modules. An id that is not known gives null: the host's mistake must not trap the VM. */
export function rootOf(id: u32): RootContext | null {
  return roots.has(id) ? roots.get(id) : null;
}
/** @internal Also null for a stream that passes untouched: `knows` tells. */
export function httpOf(id: u32): HttpContext | null {
  return https.has(id) ? https.get(id) : null;
}
/** @internal Whether a root answered for this stream. */
export function knows(id: u32): bool {
  return https.has(id) || tcps.has(id);
}
/** @internal */
export function tcpOf(id: u32): TcpContext | null {
  return tcps.has(id) ? tcps.get(id) : null;
}
/** @internal */
export function contextOf(id: u32): Context | null {
  const http = httpOf(id);
  if (http !== null) return http;
  const root = rootOf(id);
  if (root !== null) return root;
  return tcpOf(id);
}

/** @internal `parent` 0: a root. */
export function create(id: u32, parent: u32): void {
  if (parent == 0) {
    const make = factory;
    if (make === null) return;
    const root = make();
    root.id = id;
    roots.set(id, root);
    return;
  }
  const root = rootOf(parent);
  if (root === null) return;
  const tcp = root.createTcpContext();
  if (tcp !== null) {
    tcp.id = id;
    tcps.set(id, tcp);
    return;
  }
  const http = root.createHttpContext();
  if (http !== null) http.id = id;
  https.set(id, http);
}

/** @internal */
export function remove(id: u32): void {
  if (https.delete(id)) return;
  if (roots.delete(id)) return;
  tcps.delete(id);
}

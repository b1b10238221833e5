import { Context, HttpContext, Kind, RootContext, TcpContext } from "./context";
import { ContextMap } from "./contextmap";

/** All contexts; nothing else knows which configuration a stream belongs to. */
const contexts = new ContextMap();

let factory: (() => RootContext) | null = null;

/** Says what a configuration is made of. Once, at the top of the filter's index.ts. */
export function registerRoot(create: () => RootContext): void {
  factory = create;
}

/** @internal For the export modules. null for an id that is not known or of another kind. */
export function contextOf(id: u32): Context | null {
  return contexts.find(id);
}
/** @internal Numbers of all contexts, in no order. */
export function contextIds(): u32[] {
  return contexts.keys;
}
/** @internal */
export function rootOf(id: u32): RootContext | null {
  const context = contexts.find(id);
  return context !== null && context.kind == Kind.Root ? changetype<RootContext>(context) : null;
}
/** @internal */
export function httpOf(id: u32): HttpContext | null {
  const context = contexts.find(id);
  return context !== null && context.kind == Kind.Http ? changetype<HttpContext>(context) : null;
}
/** @internal */
export function tcpOf(id: u32): TcpContext | null {
  const context = contexts.find(id);
  return context !== null && context.kind == Kind.Tcp ? changetype<TcpContext>(context) : null;
}

/** @internal `parent` 0: a root. A stream whose root is not known gets no context. */
export function create(id: u32, parent: u32): void {
  if (parent == 0) {
    const make = factory;
    if (make !== null) add(id, make());
    return;
  }
  const root = rootOf(parent);
  if (root === null) return;
  const tcp = root.createTcpContext();
  if (tcp !== null) add(id, tcp);
  else add(id, root.createHttpContext());
}

function add(id: u32, context: Context): void {
  context.id = id;
  contexts.set(id, context);
}

/** @internal A root that waits for no call-out. */
export function forget(id: u32): void {
  contexts.delete(id);
}

/** @internal */
export function remove(id: u32): void {
  const context = contexts.find(id);
  if (context === null) return;
  forget(id);
  context.gone = true;
  const end = atEnd;
  if (end !== null) end(context);
}

/** What is done about a context that goes; null while no filter code needs it. */
let atEnd: ((context: Context) => void) | null = null;

/** @internal For calls.ts alone: a filter without call-outs has no code for them. */
export function whenGone(end: (context: Context) => void): void {
  atEnd = end;
}

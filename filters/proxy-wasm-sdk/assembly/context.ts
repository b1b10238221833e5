import { Bytes } from "./bytes";
import { proxy_close_stream, proxy_continue_stream, proxy_done, proxy_set_effective_context } from "./imports";
import { Action, DataAction, Stream } from "./status";

/** @internal What a context is; the registry stores all in one map. */
export enum Kind {
  Root,
  Http,
  Tcp,
}

/** What every context can get: ends of its own call-outs, and its end. */
export abstract class Context {
  /** The host's number of this context. */
  id: u32 = 0;
  /** @internal The host said its last about it. */
  gone: bool = false;
  /** @internal gRPC call-outs that it waits for. */
  openCalls: u32[] | null = null;

  /** @internal */
  constructor(readonly kind: Kind) {}

  /**
   * The answer to an HTTP call-out of this context (see callout.ts). `headers` 0: the call failed; Envoy
   * mostly answers itself, with 503 or 504. It does not come where the context has gone before.
   */
  onHttpCallResponse(token: u32, headers: i32, bodySize: i32, trailers: i32): void {}
  /** A gRPC call-out (grpc.ts) was answered with `pairs` pairs: `grpcInitialMetadata`. */
  onGrpcInitialMetadata(token: u32, pairs: i32): void {}
  /** A message of `size` bytes came: `grpcMessage`. */
  onGrpcMessage(token: u32, size: i32): void {}
  /** The last that comes before `onGrpcClose`: `grpcTrailingMetadata`. */
  onGrpcTrailingMetadata(token: u32, pairs: i32): void {}
  /** A stream ended, well or not, or a unary call failed; nothing comes any more. The end of a unary call that is answered is `onGrpcMessage`. */
  onGrpcClose(token: u32, status: i32): void {}
  /** The host calls, with `foreignArgument`. */
  onForeignFunction(functionId: u32, argumentSize: i32): void {}

  /** Before the context goes, with `exports/done`. false: not yet; call `finished()` when it may. */
  onDone(): bool {
    return true;
  }

  /** For access logs, after the answer went out; only with `exports/log`. */
  onLog(): void {}
  /** The last call. */
  onDelete(): void {}

  /** After `onDone` said not yet. */
  finished(): void {
    this.enterHost();
    proxy_done();
  }

  /** Makes the next host calls act on this context: from a root's tick, or from another stream's callback. */
  enterHost(): void {
    proxy_set_effective_context(this.id);
  }
}

/**
 * One configuration of the plugin in one VM. Several can live in one VM (two listeners, or the old and the new
 * configuration during a reload): keep nothing that belongs to a configuration in module variables.
 */
export abstract class RootContext extends Context {
  constructor() {
    super(Kind.Root);
  }

  /** Once when the context is made. false: the host refuses the VM. */
  onStart(vmConfiguration: Bytes): bool {
    return true;
  }

  /**
   * Reads the configuration. false: the host refuses it (log one line that says where and why); a running configuration
   * stays. May come again with the same text on the same context: build everything first, then put it in place.
   */
  onConfigure(configuration: Bytes): bool {
    return true;
  }

  /** Only with `exports/tick`, after `setTickPeriod`. Comes in every worker's VM. */
  onTick(): void {}
  /** Only with `exports/queue`. Comes in the one VM that the host picked. */
  onQueueReady(token: u32): void {}

  /** One for each request; where it is not overridden, requests pass untouched. */
  createHttpContext(): HttpContext {
    return new HttpContext();
  }

  /** The headers of one request, with `exports/headers-only`; then no HttpContext is made. */
  onRequest(count: i32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** One for each connection, where the plugin is a network filter; null where it is an HTTP filter. */
  createTcpContext(): TcpContext | null {
    return null;
  }
}

/** One request and its response. What is not overridden lets it pass. Each callback comes only when its export module is part of the filter. */
export class HttpContext extends Context {
  constructor() {
    super(Kind.Http);
  }

  /** `endOfStream`: neither body nor trailers follow. `count` of pairs. */
  onRequestHeaders(count: i32, endOfStream: bool): Action {
    return Action.Continue;
  }
  /** A chunk, or all that is held so far, of `size` bytes: `requestBody`. */
  onRequestBody(size: i32, endOfStream: bool): DataAction {
    return DataAction.Continue;
  }
  /** The request ends with `count` trailers; not where it has none. */
  onRequestTrailers(count: i32): Action {
    return Action.Continue;
  }
  /** `endOfStream`: neither body nor trailers follow. Answers of the proxy itself come here too. */
  onResponseHeaders(count: i32, endOfStream: bool): Action {
    return Action.Continue;
  }
  /** As `onRequestBody`, with `responseBody`. */
  onResponseBody(size: i32, endOfStream: bool): DataAction {
    return DataAction.Continue;
  }
  /** The response ends with `count` trailers; not where it has none. */
  onResponseTrailers(count: i32): Action {
    return Action.Continue;
  }

  /** Ends a pause. */
  resumeRequest(): void {
    this.enterHost();
    proxy_continue_stream(Stream.Request);
  }
  /** As `resumeRequest`, for the response. */
  resumeResponse(): void {
    this.enterHost();
    proxy_continue_stream(Stream.Response);
  }
  /** Resets the stream towards the client. */
  reset(): void {
    this.enterHost();
    proxy_close_stream(Stream.Request);
  }
}

/** One TCP connection. */
export class TcpContext extends Context {
  constructor() {
    super(Kind.Tcp);
  }

  /** Pause: nothing is read before `resumeDownstream()`. */
  onNewConnection(): Action {
    return Action.Continue;
  }
  /** From the client, `size` bytes: `downstreamData`. `endOfStream`: it sends no more. */
  onDownstreamData(size: i32, endOfStream: bool): DataAction {
    return DataAction.Continue;
  }
  /** From the upstream: `upstreamData`. */
  onUpstreamData(size: i32, endOfStream: bool): DataAction {
    return DataAction.Continue;
  }
  /** `byPeer`: the client closed, not the proxy. */
  onDownstreamClose(byPeer: bool): void {}
  /** `byPeer`: the upstream closed. */
  onUpstreamClose(byPeer: bool): void {}

  /** Ends a pause of what comes from the client. */
  resumeDownstream(): void {
    this.enterHost();
    proxy_continue_stream(Stream.Downstream);
  }
  /** Ends a pause of what comes from the upstream. */
  resumeUpstream(): void {
    this.enterHost();
    proxy_continue_stream(Stream.Upstream);
  }
  /** Closes the connection to the client. */
  close(): void {
    this.enterHost();
    proxy_close_stream(Stream.Downstream);
  }
}

import type { HeaderList } from './pairs.ts';
import type { Vm } from './vm.ts';

/** An HTTP call-out that a filter made and that waits for its answer. */
export interface HttpCall {
  readonly token: number;
  readonly cluster: string;
  readonly headers: HeaderList;
  readonly body: Buffer;
  readonly trailers: HeaderList;
  readonly timeoutMs: number;
  /** The root of the context that made it; the answer comes to the root. */
  readonly contextId: number;
}

/** A gRPC call or stream. */
export interface GrpcCall {
  readonly token: number;
  readonly kind: 'call' | 'stream';
  readonly target: string;
  readonly service: string;
  readonly method: string;
  readonly metadata: HeaderList;
  /** What the filter sent, in order. */
  readonly messages: Buffer[];
  readonly contextId: number;
  /** True when the filter has no more to send. */
  closed: boolean;
}

export interface HttpAnswer {
  readonly headers?: HeaderList;
  readonly body?: string | Uint8Array;
  readonly trailers?: HeaderList;
}

interface Pending<Call> {
  readonly call: Call;
  readonly vm: Vm;
  readonly stopTimer: () => void;
}

/** What filters asked of others. A test answers; calls of a root that is gone are dropped, as in Envoy. */
export class Calls {
  readonly #http = new Map<number, Pending<HttpCall>>();
  readonly #grpc = new Map<number, Pending<GrpcCall>>();
  #nextToken = 1;

  get http(): HttpCall[] {
    return [...this.#http.values()].map(({ call }) => call);
  }

  get grpc(): GrpcCall[] {
    return [...this.#grpc.values()].map(({ call }) => call);
  }

  /** @internal */
  startHttp(vm: Vm, make: (token: number) => HttpCall): number {
    const token = this.#nextToken++;
    const call = make(token);
    const stopTimer = vm.clock.after(call.timeoutMs, () => this.fail(call));
    this.#http.set(token, { call, vm, stopTimer });
    return token;
  }

  /** @internal */
  startGrpc(vm: Vm, make: (token: number) => GrpcCall, timeoutMs?: number): number {
    const token = this.#nextToken++;
    const call = make(token);
    const expire = (): void => this.closeGrpc(call, 4);
    const stopTimer = timeoutMs === undefined ? () => {} : vm.clock.after(timeoutMs, expire);
    this.#grpc.set(token, { call, vm, stopTimer });
    return token;
  }

  respond(call: HttpCall, { headers = [[':status', '200']], body = '', trailers = [] }: HttpAnswer = {}): void {
    this.#finish(this.#http, call.token)?.vm.httpCallResponse(call, headers, Buffer.from(body), trailers);
  }

  /** No answer: time-out, reset, no healthy host. */
  fail(call: HttpCall): void {
    this.#finish(this.#http, call.token)?.vm.httpCallResponse(call, [], Buffer.alloc(0), []);
  }

  grpcMessage(call: GrpcCall, message: string | Uint8Array): void {
    this.#grpc.get(call.token)?.vm.grpcMessage(call, Buffer.from(message));
    // the answer of a unary call is its end, as in Envoy
    if (call.kind === 'call') this.#finish(this.#grpc, call.token);
  }

  grpcInitialMetadata(call: GrpcCall, metadata: HeaderList): void {
    this.#grpc.get(call.token)?.vm.grpcMetadata(call, metadata, 'initial');
  }

  grpcTrailingMetadata(call: GrpcCall, metadata: HeaderList): void {
    this.#grpc.get(call.token)?.vm.grpcMetadata(call, metadata, 'trailing');
  }

  closeGrpc(call: GrpcCall, status: number): void {
    this.#finish(this.#grpc, call.token)?.vm.grpcClose(call, status);
  }

  /** @internal The filter's side. */
  ofGrpc(token: number): GrpcCall | undefined {
    return this.#grpc.get(token)?.call;
  }

  /** @internal No further callbacks. */
  cancelGrpc(token: number): boolean {
    return this.#finish(this.#grpc, token) !== undefined;
  }

  /** @internal The context is gone. */
  dropOf(vm: Vm, contextId: number): void {
    for (const calls of [this.#http, this.#grpc] as Map<number, Pending<HttpCall | GrpcCall>>[]) {
      for (const [token, pending] of calls) {
        if (pending.vm === vm && pending.call.contextId === contextId) this.#finish(calls, token);
      }
    }
  }

  #finish<Call>(calls: Map<number, Pending<Call>>, token: number): Pending<Call> | undefined {
    const pending = calls.get(token);
    pending?.stopTimer();
    calls.delete(token);
    return pending;
  }
}

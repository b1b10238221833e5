import { BufferType, HeaderMap, type LogLevel } from './abi.ts';
import type { Calls, GrpcCall, HttpCall } from './calls.ts';
import type { FakeClock } from './clock.ts';
import { GuestContext, type PropertyValue } from './context.ts';
import { hostFunctions } from './functions/all.ts';
import { GuestMemory } from './memory.ts';
import type { Metrics } from './metrics.ts';
import type { FilterModule } from './module.ts';
import type { HeaderList } from './pairs.ts';
import type { SharedData, SharedQueues } from './shared.ts';

/** What a VM shares with others of its host. */
export interface HostServices {
  readonly clock: FakeClock;
  readonly metrics: Metrics;
  readonly calls: Calls;
  readonly queues: SharedQueues;
  readonly logLevel: LogLevel;
  sharedData(vmId: string): SharedData;
  log(level: LogLevel, message: string): void;
  /** Answer of a foreign function; undefined where there is none of that name. */
  foreign(name: string, argument: Buffer, context: GuestContext): Uint8Array | undefined;
}

type Export = (...args: number[]) => number | undefined;

/** One instance of a filter's module, as one worker of the proxy has it. */
export class Vm {
  readonly module: FilterModule;
  readonly vmId: string;
  readonly services: HostServices;
  readonly memory: GuestMemory;
  /** Calls of host functions since the start. */
  hostCalls = 0;
  /** Set by a trap; from then on nothing of this VM runs. */
  failure: Error | undefined;
  readonly #exports: WebAssembly.Exports;
  readonly #contexts = new Map<number, GuestContext>();
  readonly #ticks = new Map<number, () => void>();
  #nextId = 1;
  #current: GuestContext | undefined;
  #effective: GuestContext | undefined;

  /** @throws what the module's start throws. */
  constructor(module: FilterModule, vmId: string, services: HostServices) {
    this.module = module;
    this.vmId = vmId;
    this.services = services;
    const instance = new WebAssembly.Instance(module.module, { env: hostFunctions(this) });
    this.#exports = instance.exports;
    const allocate = (instance.exports.proxy_on_memory_allocate ?? instance.exports.malloc) as (size: number) => number;
    this.memory = new GuestMemory(instance.exports.memory as WebAssembly.Memory, allocate);
    for (const start of ['_initialize', '_start']) (instance.exports[start] as Export | undefined)?.();
  }

  get contextCount(): number {
    return this.#contexts.size;
  }

  /** The context that host functions act on. Undefined while the module starts: most functions are refused then. */
  get context(): GuestContext | undefined {
    return this.#effective ?? this.#current;
  }

  get clock(): FakeClock {
    return this.services.clock;
  }

  exports(name: string): boolean {
    return this.module.exports.has(name);
  }

  /** Runs a callback; undefined where the module does not export it, where the VM is broken, or where it now traps. */
  run(context: GuestContext, name: string, ...args: number[]): number | undefined {
    const callback = this.#exports[name] as Export | undefined;
    if (callback === undefined || this.failure !== undefined) return undefined;
    const outer = this.#current;
    this.#current = context;
    this.#effective = undefined;
    try {
      return callback(...args);
    } catch (error) {
      this.failure = error as Error;
      this.services.log('critical', `${name}: ${(error as Error).message}`);
      return undefined;
    } finally {
      this.#current = outer;
      this.#effective = undefined;
    }
  }

  /** False for a context that is not there. */
  setEffective(id: number): boolean {
    const context = this.#contexts.get(id);
    if (context !== undefined) this.#effective = context;
    return context !== undefined;
  }

  open(root: GuestContext | undefined, properties = new Map<string, PropertyValue>()): GuestContext {
    const context = new GuestContext(this.#nextId++, root, properties);
    this.#contexts.set(context.id, context);
    this.run(context, 'proxy_on_context_create', context.id, root?.id ?? 0);
    return context;
  }

  /** on_done, on_log, on_delete; waits for proxy_done where the guest asks for it. */
  close(context: GuestContext): void {
    this.setTickPeriod(context, 0);
    if (this.run(context, 'proxy_on_done', context.id) === 0 && this.failure === undefined) context.waitsForDone = true;
    else this.finish(context);
  }

  finish(context: GuestContext): void {
    context.waitsForDone = false;
    this.run(context, 'proxy_on_log', context.id);
    this.run(context, 'proxy_on_delete', context.id);
    this.#contexts.delete(context.id);
    this.services.calls.dropOf(this, context.id);
  }

  /** 0 stops. */
  setTickPeriod(context: GuestContext, periodMs: number): void {
    this.#ticks.get(context.id)?.();
    this.#ticks.delete(context.id);
    if (periodMs === 0) return;
    const arm = (): void => {
      const stop = this.clock.after(periodMs, () => {
        arm();
        this.run(context, 'proxy_on_tick', context.id);
      });
      this.#ticks.set(context.id, stop);
    };
    arm();
  }

  httpCallResponse(call: HttpCall, headers: HeaderList, body: Buffer, trailers: HeaderList): void {
    const context = this.#contexts.get(call.contextId);
    if (context === undefined) return;
    context.maps[HeaderMap.HttpCallResponse] = headers;
    context.maps[HeaderMap.HttpCallResponseTrailers] = trailers;
    context.buffers[BufferType.HttpCallResponseBody] = body;
    this.run(
      context,
      'proxy_on_http_call_response',
      context.id,
      call.token,
      headers.length,
      body.length,
      trailers.length,
    );
    context.maps[HeaderMap.HttpCallResponse] = undefined;
    context.maps[HeaderMap.HttpCallResponseTrailers] = undefined;
    context.buffers[BufferType.HttpCallResponseBody] = undefined;
  }

  grpcMessage(call: GrpcCall, message: Buffer): void {
    const context = this.#contexts.get(call.contextId);
    if (context === undefined) return;
    context.buffers[BufferType.GrpcMessage] = message;
    this.run(context, 'proxy_on_grpc_receive', context.id, call.token, message.length);
    context.buffers[BufferType.GrpcMessage] = undefined;
  }

  grpcMetadata(call: GrpcCall, metadata: HeaderList, which: 'initial' | 'trailing'): void {
    const context = this.#contexts.get(call.contextId);
    if (context === undefined) return;
    const map = which === 'initial' ? HeaderMap.GrpcInitialMetadata : HeaderMap.GrpcTrailingMetadata;
    context.maps[map] = metadata;
    this.run(context, `proxy_on_grpc_receive_${which}_metadata`, context.id, call.token, metadata.length);
    context.maps[map] = undefined;
  }

  grpcClose(call: GrpcCall, status: number): void {
    const context = this.#contexts.get(call.contextId);
    if (context !== undefined) this.run(context, 'proxy_on_grpc_close', context.id, call.token, status);
  }

  queueReady(context: GuestContext, token: number): void {
    this.run(context, 'proxy_on_queue_ready', context.id, token);
  }
}

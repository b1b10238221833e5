import { BufferType, HeaderMap } from './abi.ts';
import type { GuestContext, LocalReply, PropertyValue } from './context.ts';
import type { HeaderList } from './pairs.ts';
import type { Vm } from './vm.ts';

/** Verdict of a callback, as in AssemblyScript's `Action` and `DataAction`. A broken VM pauses: Envoy answers 503. */
export type Verdict = 'continue' | 'pause';

/** One request through one worker's VM. Close it, as the proxy would. */
export class HttpStream implements Disposable {
  readonly context: GuestContext;
  readonly #vm: Vm;
  #open = true;

  /** @internal */
  constructor(vm: Vm, root: GuestContext, properties: Map<string, PropertyValue>) {
    this.#vm = vm;
    this.context = vm.open(root, properties);
  }

  /** What the client gets instead of the upstream's answer. 503 for a request that met a broken VM. */
  get reply(): LocalReply | undefined {
    if (this.#vm.failure === undefined) return this.context.reply;
    return { status: 503, details: 'wasm_fail_stream', body: '', headers: [], grpcStatus: -1 };
  }

  requestHeaders(headers: HeaderList, { endOfStream = true } = {}): Verdict {
    this.context.maps[HeaderMap.Request] = headers;
    return this.#verdict('request_headers', headers.length, Number(endOfStream));
  }

  requestBody(chunk: string | Uint8Array, { endOfStream = false } = {}): Verdict {
    return this.#data('request_body', BufferType.RequestBody, chunk, endOfStream);
  }

  requestTrailers(trailers: HeaderList): Verdict {
    this.context.maps[HeaderMap.RequestTrailers] = trailers;
    return this.#verdict('request_trailers', trailers.length);
  }

  responseHeaders(headers: HeaderList, { endOfStream = true } = {}): Verdict {
    this.context.maps[HeaderMap.Response] = headers;
    return this.#verdict('response_headers', headers.length, Number(endOfStream));
  }

  responseBody(chunk: string | Uint8Array, { endOfStream = false } = {}): Verdict {
    return this.#data('response_body', BufferType.ResponseBody, chunk, endOfStream);
  }

  responseTrailers(trailers: HeaderList): Verdict {
    this.context.maps[HeaderMap.ResponseTrailers] = trailers;
    return this.#verdict('response_trailers', trailers.length);
  }

  /** Request body as it goes on: after the filter's changes, with what it kept back. */
  get forwardedRequestBody(): string {
    return this.#forwarded.get(BufferType.RequestBody)?.toString('latin1') ?? '';
  }

  get forwardedResponseBody(): string {
    return this.#forwarded.get(BufferType.ResponseBody)?.toString('latin1') ?? '';
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#vm.close(this.context);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #forwarded = new Map<number, Buffer>();
  readonly #held = new Map<number, Buffer>();

  #verdict(callback: string, ...args: number[]): Verdict {
    const action = this.#vm.run(this.context, `proxy_on_${callback}`, this.context.id, ...args);
    return action === undefined && this.#vm.failure === undefined ? 'continue' : action === 0 ? 'continue' : 'pause';
  }

  /** 0 goes on, 1 and 2 are kept for the next chunk, 3 is dropped. */
  #data(callback: string, type: number, chunk: string | Uint8Array, endOfStream: boolean): Verdict {
    const held = this.#held.get(type) ?? Buffer.alloc(0);
    this.context.buffers[type] = Buffer.concat([held, Buffer.from(chunk)]);
    const size = this.context.buffers[type].length;
    const name = `proxy_on_${callback}`;
    const action = this.#vm.run(this.context, name, this.context.id, size, Number(endOfStream)) ?? 0;
    const left = this.context.buffers[type] ?? Buffer.alloc(0);
    this.context.buffers[type] = undefined;
    this.#held.set(type, action === 1 || action === 2 ? left : Buffer.alloc(0));
    if (action === 0) this.#forwarded.set(type, Buffer.concat([this.#forwarded.get(type) ?? Buffer.alloc(0), left]));
    return action === 0 && this.#vm.failure === undefined ? 'continue' : 'pause';
  }
}

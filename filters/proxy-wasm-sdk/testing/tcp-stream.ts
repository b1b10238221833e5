import { BufferType } from './abi.ts';
import type { GuestContext, PropertyValue } from './context.ts';
import type { Verdict } from './http-stream.ts';
import type { Vm } from './vm.ts';

/** One TCP connection through one worker's VM. */
export class TcpStream implements Disposable {
  readonly context: GuestContext;
  readonly #vm: Vm;
  #open = true;

  /** @internal */
  constructor(vm: Vm, root: GuestContext, properties: Map<string, PropertyValue>) {
    this.#vm = vm;
    this.context = vm.open(root, properties);
  }

  connect(): Verdict {
    return this.#verdict(this.#vm.run(this.context, 'proxy_on_new_connection', this.context.id));
  }

  /** Data from the client. `bytes` in the result: what goes on. */
  downstreamData(chunk: string | Uint8Array, { endOfStream = false } = {}): { verdict: Verdict; bytes: Buffer } {
    return this.#data('proxy_on_downstream_data', BufferType.DownstreamData, chunk, endOfStream);
  }

  upstreamData(chunk: string | Uint8Array, { endOfStream = false } = {}): { verdict: Verdict; bytes: Buffer } {
    return this.#data('proxy_on_upstream_data', BufferType.UpstreamData, chunk, endOfStream);
  }

  /** 1: closed by the proxy, 2: by the peer. */
  downstreamClosed(byPeer = true): void {
    this.#vm.run(this.context, 'proxy_on_downstream_connection_close', this.context.id, byPeer ? 2 : 1);
  }

  upstreamClosed(byPeer = true): void {
    this.#vm.run(this.context, 'proxy_on_upstream_connection_close', this.context.id, byPeer ? 2 : 1);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#vm.close(this.context);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #data(
    name: string,
    type: number,
    chunk: string | Uint8Array,
    endOfStream: boolean,
  ): { verdict: Verdict; bytes: Buffer } {
    const buffer = Buffer.from(chunk);
    this.context.buffers[type] = buffer;
    const action = this.#vm.run(this.context, name, this.context.id, buffer.length, Number(endOfStream));
    const bytes = this.context.buffers[type] ?? Buffer.alloc(0);
    this.context.buffers[type] = undefined;
    return { verdict: this.#verdict(action), bytes };
  }

  #verdict(action: number | undefined): Verdict {
    return this.#vm.failure === undefined && (action ?? 0) === 0 ? 'continue' : 'pause';
  }
}

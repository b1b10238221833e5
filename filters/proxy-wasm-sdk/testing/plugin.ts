import { BufferType } from './abi.ts';
import type { GuestContext, PropertyValue } from './context.ts';
import { HttpStream } from './http-stream.ts';
import { TcpStream } from './tcp-stream.ts';
import type { Vm } from './vm.ts';

export interface StreamOptions {
  /** Which worker serves it. Default 0. */
  readonly worker?: number;
  /** Keyed by path with dots: `xds.cluster_name`. */
  readonly properties?: Readonly<Record<string, PropertyValue>>;
}

/** One accepted configuration: a root context in every worker's VM. */
export class Plugin {
  readonly #roots: { vm: Vm; root: GuestContext }[];

  /** @internal */
  constructor(roots: { vm: Vm; root: GuestContext }[]) {
    this.#roots = roots;
  }

  /** @throws RangeError for a worker that the host does not have. */
  http({ worker = 0, properties = {} }: StreamOptions = {}): HttpStream {
    const { vm, root } = this.#on(worker);
    return new HttpStream(vm, root, new Map(Object.entries(properties)));
  }

  tcp({ worker = 0, properties = {} }: StreamOptions = {}): TcpStream {
    const { vm, root } = this.#on(worker);
    return new TcpStream(vm, root, new Map(Object.entries(properties)));
  }

  vm(worker = 0): Vm {
    return this.#on(worker).vm;
  }

  /** Takes the configuration away. Streams that it serves go on. */
  remove(): void {
    for (const { vm, root } of this.#roots.splice(0)) vm.close(root);
  }

  #on(worker: number): { vm: Vm; root: GuestContext } {
    const on = this.#roots[worker];
    if (on === undefined) throw new RangeError(`no worker ${worker}`);
    return on;
  }
}

/** A root context in a VM, started and configured; undefined where the filter refused. */
export function configure(
  vm: Vm,
  rootId: string,
  configuration: string | Uint8Array,
  vmConfiguration: string | Uint8Array,
): GuestContext | undefined {
  const root = vm.open(undefined, new Map<string, PropertyValue>([['plugin_root_id', rootId]]));
  const vmBytes = Buffer.from(vmConfiguration);
  root.buffers[BufferType.VmConfiguration] = vmBytes;
  const started = vm.run(root, 'proxy_on_vm_start', root.id, vmBytes.length) ?? 1;
  root.buffers[BufferType.VmConfiguration] = undefined;
  const bytes = Buffer.from(configuration);
  root.buffers[BufferType.PluginConfiguration] = bytes;
  const accepted = started === 0 ? 0 : (vm.run(root, 'proxy_on_configure', root.id, bytes.length) ?? 1);
  root.buffers[BufferType.PluginConfiguration] = undefined;
  if (accepted !== 0 && vm.failure === undefined) return root;
  vm.close(root);
  return undefined;
}

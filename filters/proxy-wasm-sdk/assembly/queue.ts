import { OUT } from "./arena";
import { addressOf, Bytes, outBytes } from "./bytes";
import {
  proxy_dequeue_shared_queue,
  proxy_enqueue_shared_queue,
  proxy_register_shared_queue,
  proxy_resolve_shared_queue,
} from "./imports";
import { Status } from "./status";

/** A queue of messages between VMs of one proxy process. */
export class Queue {
  private constructor(readonly token: u32) {}

  /** Makes the queue, or finds it where it was made. This context gets `onQueueReady`. null: the host refuses. */
  static register(name: string): Queue | null {
    const bytes = String.UTF8.encode(name);
    const status = proxy_register_shared_queue(addressOf(bytes), bytes.byteLength, OUT);
    return status == Status.Ok ? new Queue(load<u32>(OUT)) : null;
  }

  /** A queue that a VM with this vm_id registered. null where there is none. */
  static resolve(vmId: string, name: string): Queue | null {
    const vm = String.UTF8.encode(vmId);
    const bytes = String.UTF8.encode(name);
    const status = proxy_resolve_shared_queue(addressOf(vm), vm.byteLength, addressOf(bytes), bytes.byteLength, OUT);
    return status == Status.Ok ? new Queue(load<u32>(OUT)) : null;
  }

  enqueue(message: ArrayBuffer): Status {
    return proxy_enqueue_shared_queue(this.token, addressOf(message), message.byteLength);
  }

  /** The oldest message; null where it is empty. Each message goes to one VM. */
  dequeue(): Bytes | null {
    return proxy_dequeue_shared_queue(this.token, OUT, OUT + 4) == Status.Ok ? outBytes() : null;
  }
}

import { Status } from '../abi.ts';
import type { Vm } from '../vm.ts';
import type { HostFunctions } from './all.ts';

/** Data and queues that several VMs see. */
export function sharedFunctions(vm: Vm): HostFunctions {
  const { queues } = vm.services;
  return {
    proxy_get_shared_data(key: number, keySize: number, outValue: number, outSize: number, outCas: number) {
      const entry = vm.services.sharedData(vm.vmId).get(vm.memory.text(key, keySize));
      if (entry === undefined) return Status.NotFound;
      vm.memory.setU32(outCas, entry.cas);
      return vm.memory.give(entry.value, outValue, outSize);
    },
    proxy_set_shared_data(key: number, keySize: number, value: number, size: number, cas: number) {
      const name = vm.memory.text(key, keySize);
      return vm.services.sharedData(vm.vmId).set(name, vm.memory.bytes(value, size), cas >>> 0);
    },
    proxy_register_shared_queue(name: number, nameSize: number, outToken: number) {
      const root = vm.context?.root;
      if (root === undefined) return Status.InternalFailure;
      const queue = vm.memory.text(name, nameSize);
      vm.memory.setU32(
        outToken,
        queues.register(vm.vmId, queue, (token) => vm.queueReady(root, token)),
      );
      return Status.Ok;
    },
    proxy_resolve_shared_queue(vmId: number, vmIdSize: number, name: number, nameSize: number, outToken: number) {
      const token = queues.resolve(vm.memory.text(vmId, vmIdSize), vm.memory.text(name, nameSize));
      if (token === undefined) return Status.NotFound;
      vm.memory.setU32(outToken, token);
      return Status.Ok;
    },
    proxy_dequeue_shared_queue(token: number, outBytes: number, outSize: number) {
      const message = queues.dequeue(token >>> 0);
      if (message === undefined) return Status.NotFound;
      return message === null ? Status.Empty : vm.memory.give(message, outBytes, outSize);
    },
    proxy_enqueue_shared_queue(token: number, bytes: number, size: number) {
      return queues.enqueue(token >>> 0, vm.memory.bytes(bytes, size)) ? Status.Ok : Status.NotFound;
    },
  };
}

import { BufferType, Status } from '../abi.ts';
import type { Vm } from '../vm.ts';
import type { HostFunctions } from './all.ts';

const READ_ONLY = new Set<number>([BufferType.VmConfiguration, BufferType.PluginConfiguration]);

/** What call-outs bring lies with the root. */
const OF_CALLS = new Set<number>([BufferType.HttpCallResponseBody, BufferType.GrpcMessage]);

/** Bodies, TCP data, messages, configurations. */
export function bufferFunctions(vm: Vm): HostFunctions {
  const bufferOf = (type: number): Buffer | undefined =>
    (OF_CALLS.has(type) ? vm.context?.root : vm.context)?.buffers[type];
  return {
    proxy_get_buffer_status(type: number, outSize: number, outFlags: number) {
      const buffer = bufferOf(type);
      if (buffer === undefined) return Status.NotFound;
      vm.memory.setU32(outSize, buffer.length);
      vm.memory.setU32(outFlags, 0);
      return Status.Ok;
    },
    proxy_get_buffer_bytes(type: number, start: number, size: number, outBytes: number, outSize: number) {
      const buffer = bufferOf(type);
      if (buffer === undefined) return Status.NotFound;
      const from = start >>> 0;
      return vm.memory.give(buffer.subarray(from, from + (size >>> 0)), outBytes, outSize);
    },
    proxy_set_buffer_bytes(type: number, start: number, size: number, bytes: number, bytesSize: number) {
      const buffer = bufferOf(type);
      if (buffer === undefined || vm.context === undefined) return Status.NotFound;
      if (READ_ONLY.has(type)) return Status.BadArgument;
      const from = Math.min(start >>> 0, buffer.length);
      const to = Math.min(from + (size >>> 0), buffer.length);
      vm.context.buffers[type] = Buffer.concat([
        buffer.subarray(0, from),
        vm.memory.bytes(bytes, bytesSize),
        buffer.subarray(to),
      ]);
      return Status.Ok;
    },
  };
}

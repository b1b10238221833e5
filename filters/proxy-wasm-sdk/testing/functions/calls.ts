import { Status } from '../abi.ts';
import { decodePairs } from '../pairs.ts';
import type { Vm } from '../vm.ts';
import type { HostFunctions } from './all.ts';

/** HTTP and gRPC call-outs. Nothing goes out: a test answers them (calls.ts). */
export function callFunctions(vm: Vm): HostFunctions {
  const { calls } = vm.services;
  // in the name of the root, as in Envoy, whoever asks
  const contextId = (): number => vm.context?.root.id ?? 0;
  return {
    proxy_get_status(outCode: number, outMessage: number, outSize: number) {
      vm.memory.setU32(outCode, 0);
      return vm.memory.give('', outMessage, outSize);
    },
    proxy_http_call(
      cluster: number,
      clusterSize: number,
      headers: number,
      headersSize: number,
      body: number,
      bodySize: number,
      trailers: number,
      trailersSize: number,
      timeoutMs: number,
      outToken: number,
    ) {
      const headerList = decodePairs(vm.memory.bytes(headers, headersSize));
      const trailerList = decodePairs(vm.memory.bytes(trailers, trailersSize));
      const pseudo = [':method', ':path', ':authority'];
      if (headerList === undefined || trailerList === undefined) return Status.BadArgument;
      if (!pseudo.every((name) => headerList.some(([header]) => header === name))) return Status.BadArgument;
      const token = calls.startHttp(vm, (token) => ({
        token,
        cluster: vm.memory.utf8(cluster, clusterSize),
        headers: headerList,
        body: vm.memory.bytes(body, bodySize),
        trailers: trailerList,
        timeoutMs: timeoutMs >>> 0,
        contextId: contextId(),
      }));
      vm.memory.setU32(outToken, token);
      return Status.Ok;
    },
    proxy_grpc_call(
      target: number,
      targetSize: number,
      service: number,
      serviceSize: number,
      method: number,
      methodSize: number,
      metadata: number,
      metadataSize: number,
      message: number,
      messageSize: number,
      timeoutMs: number,
      outToken: number,
    ) {
      const pairs = decodePairs(vm.memory.bytes(metadata, metadataSize));
      if (pairs === undefined) return Status.BadArgument;
      const make = (token: number) => ({
        token,
        kind: 'call' as const,
        target: vm.memory.utf8(target, targetSize),
        service: vm.memory.utf8(service, serviceSize),
        method: vm.memory.utf8(method, methodSize),
        metadata: pairs,
        messages: [vm.memory.bytes(message, messageSize)],
        contextId: contextId(),
        closed: true,
      });
      vm.memory.setU32(outToken, calls.startGrpc(vm, make, timeoutMs >>> 0));
      return Status.Ok;
    },
    proxy_grpc_stream(
      target: number,
      targetSize: number,
      service: number,
      serviceSize: number,
      method: number,
      methodSize: number,
      metadata: number,
      metadataSize: number,
      outToken: number,
    ) {
      const pairs = decodePairs(vm.memory.bytes(metadata, metadataSize));
      if (pairs === undefined) return Status.BadArgument;
      const make = (token: number) => ({
        token,
        kind: 'stream' as const,
        target: vm.memory.utf8(target, targetSize),
        service: vm.memory.utf8(service, serviceSize),
        method: vm.memory.utf8(method, methodSize),
        metadata: pairs,
        messages: [],
        contextId: contextId(),
        closed: false,
      });
      vm.memory.setU32(outToken, calls.startGrpc(vm, make));
      return Status.Ok;
    },
    proxy_grpc_send(token: number, message: number, size: number, endStream: number) {
      const call = calls.ofGrpc(token >>> 0);
      if (call === undefined || call.closed) return Status.NotFound;
      call.messages.push(vm.memory.bytes(message, size));
      call.closed = endStream !== 0;
      return Status.Ok;
    },
    proxy_grpc_close(token: number) {
      const call = calls.ofGrpc(token >>> 0);
      if (call === undefined) return Status.NotFound;
      call.closed = true;
      return Status.Ok;
    },
    proxy_grpc_cancel(token: number) {
      return calls.cancelGrpc(token >>> 0) ? Status.Ok : Status.NotFound;
    },
  };
}

import { STREAMS, Status } from '../abi.ts';
import { decodePairs } from '../pairs.ts';
import type { Vm } from '../vm.ts';
import type { HostFunctions } from './all.ts';

/** Going on, closing, answering. */
export function streamFunctions(vm: Vm): HostFunctions {
  return {
    proxy_continue_stream(stream: number) {
      const name = STREAMS[stream];
      if (name === undefined) return Status.BadArgument;
      vm.context?.resumed.add(name);
      return Status.Ok;
    },
    proxy_close_stream(stream: number) {
      const name = STREAMS[stream];
      if (name === undefined) return Status.BadArgument;
      vm.context?.closed.add(name);
      return Status.Ok;
    },
    proxy_send_local_response(
      status: number,
      details: number,
      detailsSize: number,
      body: number,
      bodySize: number,
      headers: number,
      headersSize: number,
      grpcStatus: number,
    ) {
      const pairs = decodePairs(vm.memory.bytes(headers, headersSize));
      if (pairs === undefined || vm.context === undefined) return Status.BadArgument;
      vm.context.reply ??= {
        status,
        details: vm.memory.text(details, detailsSize),
        body: vm.memory.text(body, bodySize),
        headers: pairs,
        grpcStatus,
      };
      return Status.Ok;
    },
  };
}

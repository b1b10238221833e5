import { Status } from '../abi.ts';
import type { Vm } from '../vm.ts';
import type { HostFunctions } from './all.ts';

export function metricFunctions(vm: Vm): HostFunctions {
  const { metrics } = vm.services;
  return {
    proxy_define_metric(type: number, name: number, nameSize: number, outId: number) {
      const id = metrics.define(type, vm.memory.utf8(name, nameSize));
      if (id === undefined) return Status.BadArgument;
      vm.memory.setU32(outId, id);
      return Status.Ok;
    },
    proxy_increment_metric(id: number, by: bigint) {
      return metrics.increment(id, by) ? Status.Ok : Status.BadArgument;
    },
    proxy_record_metric(id: number, value: bigint) {
      return metrics.record(id, BigInt.asUintN(64, value)) ? Status.Ok : Status.BadArgument;
    },
    proxy_get_metric(id: number, outValue: number) {
      const value = metrics.get(id);
      if (value === undefined) return Status.NotFound;
      vm.memory.setU64(outValue, value);
      return Status.Ok;
    },
  };
}

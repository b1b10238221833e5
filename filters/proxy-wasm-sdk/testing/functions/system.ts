import { LOG_LEVELS, Status } from '../abi.ts';
import type { PropertyValue } from '../context.ts';
import type { Vm } from '../vm.ts';
import type { HostFunctions } from './all.ts';

/** Log, clock, ticks, properties, contexts, foreign functions. */
export function systemFunctions(vm: Vm): HostFunctions {
  const { services } = vm;
  return {
    proxy_log(level: number, message: number, size: number) {
      const name = LOG_LEVELS[level];
      if (name === undefined) return Status.BadArgument;
      if (level >= LOG_LEVELS.indexOf(services.logLevel)) services.log(name, vm.memory.utf8(message, size));
      return Status.Ok;
    },
    proxy_get_log_level(out: number) {
      vm.memory.setU32(out, LOG_LEVELS.indexOf(services.logLevel));
      return Status.Ok;
    },
    proxy_get_current_time_nanoseconds(out: number) {
      vm.memory.setU64(out, BigInt(vm.clock.nowMs) * 1_000_000n);
      return Status.Ok;
    },
    proxy_set_tick_period_milliseconds(periodMs: number) {
      if (vm.context !== undefined) vm.setTickPeriod(vm.context.root, periodMs >>> 0);
      return Status.Ok;
    },
    proxy_get_property(path: number, pathSize: number, outValue: number, outSize: number) {
      const key = vm.memory.text(path, pathSize).replaceAll('\0', '.');
      const value = vm.context?.properties.get(key) ?? vm.context?.root.properties.get(key);
      return value === undefined ? Status.NotFound : vm.memory.give(serialised(value), outValue, outSize);
    },
    proxy_set_property(path: number, pathSize: number, value: number, size: number) {
      const key = vm.memory.text(path, pathSize).replaceAll('\0', '.');
      vm.context?.properties.set(key, vm.memory.bytes(value, size));
      return Status.Ok;
    },
    proxy_set_effective_context(id: number) {
      return vm.setEffective(id) ? Status.Ok : Status.BadArgument;
    },
    proxy_done() {
      if (vm.context?.waitsForDone !== true) return Status.NotFound;
      vm.finish(vm.context);
      return Status.Ok;
    },
    proxy_call_foreign_function(
      name: number,
      nameSize: number,
      argument: number,
      size: number,
      outResult: number,
      outSize: number,
    ) {
      if (vm.context === undefined) return Status.InternalFailure;
      const called = vm.memory.utf8(name, nameSize);
      if (called === 'clear_route_cache') {
        vm.context.routeCacheCleared = true;
        return Status.Ok;
      }
      const result = services.foreign(called, vm.memory.bytes(argument, size), vm.context);
      return result === undefined ? Status.NotFound : vm.memory.give(result, outResult, outSize);
    },
  };
}

/** As Envoy serialises: numbers in 8 little-endian bytes, booleans in one. */
function serialised(value: PropertyValue): string | Uint8Array {
  if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0);
  if (typeof value !== 'number' && typeof value !== 'bigint') return value;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

import { SIGNATURES, Status } from '../abi.ts';
import { OutOfBounds } from '../memory.ts';
import type { Vm } from '../vm.ts';
import { bufferFunctions } from './buffers.ts';
import { callFunctions } from './calls.ts';
import { headerFunctions } from './headers.ts';
import { metricFunctions } from './metrics.ts';
import { sharedFunctions } from './shared.ts';
import { streamFunctions } from './stream.ts';
import { systemFunctions } from './system.ts';

/** A host function: i32 and i64 parameters arrive as numbers and bigints. Answers a Status. */
// biome-ignore lint/suspicious/noExplicitAny: each function has its own parameters; module.ts has checked them
export type HostFunction = (...args: any[]) => number;
export type HostFunctions = Record<string, HostFunction>;

/** What may be called while the module starts: there is no context yet (Envoy refuses the rest, and so the VM). */
const AT_START = new Set(['proxy_log', 'proxy_get_log_level', 'proxy_get_current_time_nanoseconds']);

/** The import object `env` of one VM. */
export function hostFunctions(vm: Vm): HostFunctions {
  const functions: HostFunctions = {
    ...systemFunctions(vm),
    ...streamFunctions(vm),
    ...headerFunctions(vm),
    ...bufferFunctions(vm),
    ...metricFunctions(vm),
    ...sharedFunctions(vm),
    ...callFunctions(vm),
  };
  return Object.fromEntries(
    Object.keys(SIGNATURES).map((name) => {
      const call = functions[name];
      if (call === undefined) throw new Error(`the host lacks ${name}`);
      return [name, guarded(vm, name, call)];
    }),
  );
}

function guarded(vm: Vm, name: string, call: HostFunction): HostFunction {
  return (...args) => {
    vm.hostCalls++;
    if (vm.context === undefined && !AT_START.has(name)) throw new Error(`${name} called while the module starts`);
    try {
      return call(...args);
    } catch (error) {
      if (error instanceof OutOfBounds) return Status.InvalidMemoryAccess;
      throw error;
    }
  };
}

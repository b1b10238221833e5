import type { LogLevel } from './abi.ts';
import { Calls } from './calls.ts';
import { FakeClock } from './clock.ts';
import type { GuestContext } from './context.ts';
import { Metrics } from './metrics.ts';
import type { FilterModule } from './module.ts';
import { configure, Plugin } from './plugin.ts';
import { SharedData, SharedQueues } from './shared.ts';
import { type HostServices, Vm } from './vm.ts';

export interface HostOptions {
  /** Worker threads of the proxy, each with a VM of its own. Default 1. */
  readonly workers?: number;
  /** The least that is logged. Default info. */
  readonly logLevel?: LogLevel;
  readonly clock?: FakeClock;
  readonly foreign?: HostServices['foreign'];
}

export interface PluginOptions {
  readonly module: FilterModule;
  readonly configuration?: string | Uint8Array;
  readonly vmConfiguration?: string | Uint8Array;
  /** VMs are shared by plugins with the same vmId, vmConfiguration and module. Default ''. */
  readonly vmId?: string;
  readonly rootId?: string;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
}

/** The filter refused its configuration; `message` is what it logged. */
export class ConfigurationRefused extends Error {
  override readonly name = 'ConfigurationRefused';
}

/**
 * A proxy for tests: proxy-wasm ABI 0.2.1 as Envoy behaves, with worker VMs, shared data, queues, metrics, call-outs that
 * the test answers, and a clock that the test moves. Single-threaded: workers take turns.
 */
export class Host implements HostServices {
  readonly clock: FakeClock;
  readonly metrics = new Metrics();
  readonly calls = new Calls();
  readonly queues = new SharedQueues();
  readonly logLevel: LogLevel;
  readonly logs: LogLine[] = [];
  readonly foreign: HostServices['foreign'];
  readonly #workers: number;
  readonly #shared = new Map<string, SharedData>();
  readonly #vms: { key: string; module: FilterModule; vms: Vm[] }[] = [];

  constructor(options: HostOptions = {}) {
    this.#workers = options.workers ?? 1;
    this.logLevel = options.logLevel ?? 'info';
    this.clock = options.clock ?? new FakeClock();
    this.foreign = options.foreign ?? (() => undefined);
  }

  log(level: LogLevel, message: string): void {
    this.logs.push({ level, message });
  }

  sharedData(vmId: string): SharedData {
    let data = this.#shared.get(vmId);
    if (data === undefined) {
      data = new SharedData();
      this.#shared.set(vmId, data);
    }
    return data;
  }

  /**
   * Loads a configuration as Envoy does: first tried in a VM that is thrown away, then in every worker's. Loading the same
   * module again is a reload: the old plugin goes on until it is removed.
   * @throws ConfigurationRefused with what the filter logged; running plugins are untouched.
   */
  load({ module, configuration = '', vmConfiguration = '', vmId = '', rootId = '' }: PluginOptions): Plugin {
    const firstLine = this.logs.length;
    const start = (vm: Vm): GuestContext => {
      const root = configure(vm, rootId, configuration, vmConfiguration);
      if (root !== undefined) return root;
      const said = this.logs.slice(firstLine).map(({ message }) => message);
      throw new ConfigurationRefused(said.join('\n') || 'the filter refused its configuration and logged nothing');
    };
    const trial = new Vm(module, vmId, this);
    trial.close(start(trial));
    return new Plugin(this.#vmsFor(module, vmId, vmConfiguration).map((vm) => ({ vm, root: start(vm) })));
  }

  /** Worker VMs of a key; a broken VM is replaced, as with FAIL_RELOAD. */
  #vmsFor(module: FilterModule, vmId: string, vmConfiguration: string | Uint8Array): Vm[] {
    const key = `${vmId}\0${Buffer.from(vmConfiguration).toString('latin1')}`;
    let entry = this.#vms.find((other) => other.key === key && other.module === module);
    if (entry === undefined) {
      entry = { key, module, vms: [] };
      this.#vms.push(entry);
    }
    for (let worker = 0; worker < this.#workers; worker++) {
      if (entry.vms[worker]?.failure !== undefined || entry.vms[worker] === undefined) {
        entry.vms[worker] = new Vm(module, vmId, this);
      }
    }
    return entry.vms;
  }
}

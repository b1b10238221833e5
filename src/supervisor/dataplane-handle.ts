/** The data plane as the supervisor holds it: opened by the first change, opened again when the fast path is turned on or off. */
import { dirname } from 'node:path';
import type { Dataplane } from '../dataplane/dataplane.ts';
import { openDataplane } from '../dataplane/open.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import type { Logger } from '../log.ts';
import { ensureCgroup } from '../workload/cgroup.ts';

interface Open extends Disposable {
  readonly dataplane: Dataplane;
  readonly fastPath: boolean;
}

export class DataplaneHandle implements Disposable {
  readonly #instance: Instance;
  readonly #log: Logger;
  #open: Open | undefined;

  constructor(instance: Instance, log: Logger) {
    this.#instance = instance;
    this.#log = log;
  }

  /** With the fast path's programs, or without: those of an earlier opening are then detached. @throws E_BPF_*, E_ABI. */
  ensure(fastPath: boolean): Dataplane {
    if (this.#open?.fastPath === fastPath) return this.#open.dataplane;
    this[Symbol.dispose]();
    const { workloadsCgroup, envoyCgroup, cgroup } = this.#instance;
    for (const path of [workloadsCgroup, envoyCgroup]) ensureCgroup(path, dirname(cgroup));
    const dataplane = openDataplane(this.#instance, { fastPath });
    const events = dataplane.onEvent(({ kind, ...fields }) => this.#log.info(kind, { ...fields }));
    this.#open = {
      dataplane,
      fastPath,
      [Symbol.dispose]: () => {
        events[Symbol.dispose]();
        dataplane[Symbol.dispose]();
      },
    };
    if (dataplane.opened.adopted) this.#log.info('data plane adopted', { changes: dataplane.opened.changes });
    return dataplane;
  }

  /** @throws E_USAGE before the first change. */
  get current(): Dataplane {
    if (this.#open === undefined) throw new ShuntError('E_USAGE', 'nothing was applied yet; run: shunt up -f PATH');
    return this.#open.dataplane;
  }

  /** Undefined before the first change. */
  get opened(): Dataplane | undefined {
    return this.#open?.dataplane;
  }

  /** Closes descriptors; what is in the kernel goes on. */
  [Symbol.dispose](): void {
    this.#open?.[Symbol.dispose]();
    this.#open = undefined;
  }
}

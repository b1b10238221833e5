/** The data plane as the supervisor holds it: opened by the first change, opened again when the fast path is turned on or off. */
import { dirname } from 'node:path';
import type { Dataplane } from '../dataplane/dataplane.ts';
import type { DataplaneEvent } from '../dataplane/events.ts';
import { openDataplane } from '../dataplane/open.ts';
import { currentReport } from '../doctor/kept.ts';
import { type Advice, adviceOf } from '../doctor/probe.ts';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import type { Logger } from '../log.ts';
import { ensureCgroup } from '../workload/cgroup.ts';

interface Open extends Disposable {
  readonly dataplane: Dataplane;
  readonly fastPath: boolean;
}

const NO_ADVICE: Advice = { obstacle: undefined, promotion: undefined };

export class DataplaneHandle implements Disposable {
  readonly #instance: Instance;
  readonly #log: Logger;
  readonly #askDoctor: () => Promise<Advice>;
  readonly #onEvent: (event: DataplaneEvent) => void;
  #open: Open | undefined;
  #fastPathObstacle: string | undefined;

  /**
   * `onEvent`: gets what the kernel's programs report, which is logged too. `askDoctor`: whether the fast path may be armed on
   * this kernel, and how; a test gives its own.
   */
  constructor(
    instance: Instance,
    log: Logger,
    askDoctor = async () => adviceOf(await currentReport()),
    onEvent: (event: DataplaneEvent) => void = () => undefined,
  ) {
    this.#instance = instance;
    this.#log = log;
    this.#askDoctor = askDoctor;
    this.#onEvent = onEvent;
  }

  /** Why the fast path is not armed though it was asked for; undefined: it is, or was not. */
  get fastPathObstacle(): string | undefined {
    const refusal = this.#open?.dataplane.opened.fastPathRefusal;
    return this.#fastPathObstacle ?? (refusal === undefined ? undefined : `fast path off: ${refusal}`);
  }

  /**
   * With the fast path's programs, or without: those of an earlier opening are then detached. Wanted, they are loaded only
   * where the doctor finds nothing against it. @throws E_BPF_*, E_ABI.
   */
  async ensure(wantsFastPath: boolean): Promise<Dataplane> {
    const isArmed = this.#open?.fastPath === true;
    const { obstacle, promotion } = wantsFastPath && !isArmed ? await this.#askDoctor() : NO_ADVICE;
    if (obstacle !== undefined && obstacle !== this.#fastPathObstacle) this.#log.warn(obstacle);
    this.#fastPathObstacle = obstacle;
    return this.#ensure(wantsFastPath && obstacle === undefined, promotion);
  }

  #ensure(fastPath: boolean, promotion: Advice['promotion']): Dataplane {
    if (this.#open?.fastPath === fastPath) return this.#open.dataplane;
    this[Symbol.dispose]();
    const { workloadsCgroup, envoyCgroup, cgroup } = this.#instance;
    for (const path of [workloadsCgroup, envoyCgroup]) ensureCgroup(path, dirname(cgroup));
    using undo = new DisposableStack();
    const dataplane = undo.use(openDataplane(this.#instance, { fastPath, ...(promotion && { promotion }) }));
    undo.use(
      dataplane.onEvent((event) => {
        const { kind, ...fields } = event;
        this.#log.info(kind, { ...fields });
        this.#onEvent(event);
      }),
    );
    let isTold = false;
    undo.use(
      dataplane.promoteNominees((error) => {
        if (!isTold) this.#log.error('connections that could be promoted stay on TCP for now', { error });
        isTold = true;
      }),
    );
    const opened = undo.move();
    this.#open = { dataplane, fastPath, [Symbol.dispose]: () => opened.dispose() };
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

/** The two objects of one build, in the kernel. */
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BpfObject } from '../bpf/object.ts';
import type { BpfProgram } from '../bpf/program.ts';
import { ShuntError } from '../errors.ts';
import { type ObjectName, PROMOTION_PROGRAMS, type Promotion } from './hooks.ts';

/** Where scripts/build puts them. */
export const BUILT_OBJECTS = fileURLToPath(new URL('../../build/bpf', import.meta.url));

export interface ObjectsOptions {
  readonly directory: string;
  /** Maps are reused from here, or made and pinned here; both objects find each other's maps by name. */
  readonly mapPinDir: string;
  /** false: the fast path's object is not loaded. */
  readonly fastPath: boolean;
  /** Undefined: by tc, and where the kernel refuses that, by the iterator. */
  readonly promotion?: Promotion | undefined;
}

/** Dispose it; what is pinned or attached stays in the kernel. */
export class Objects implements Disposable {
  readonly #objects: ReadonlyMap<ObjectName, BpfObject>;
  readonly #programs = new Map<string, BpfProgram>();

  /** Why this kernel does not run the fast path, in its own words; undefined: it does, or was not asked. */
  readonly fastPathRefusal: string | undefined;
  /** Who promotes; `tc` too where the fast path is not loaded. */
  readonly promotion: Promotion;

  private constructor(objects: ReadonlyMap<ObjectName, BpfObject>, fastPath: FastPathLoaded) {
    this.#objects = objects;
    this.fastPathRefusal = fastPath.refusal;
    this.promotion = fastPath.promotion;
  }

  /**
   * A kernel whose verifier refuses the fast path gets capture alone: every message goes by TCP.
   * @throws E_BPF_OPEN, E_BPF_LOAD, E_BPF_PIN, E_ABI; nothing stays loaded then, pins that it made may stay.
   */
  static load(options: ObjectsOptions): Objects {
    using undo = new DisposableStack();
    const objects = new Map<ObjectName, BpfObject>();
    const load = (name: ObjectName, skipped: readonly string[]): void => {
      using attempt = new DisposableStack();
      const path = join(options.directory, `${name}.bpf.o`);
      const skip = (program: string): boolean => skipped.includes(program);
      const object = attempt.use(BpfObject.open(path, { mapPinDir: options.mapPinDir, skip }));
      objects.set(name, object.load());
      undo.use(object);
      attempt.move();
    };
    load('capture', []);
    let fastPath: FastPathLoaded = { promotion: 'tc', refusal: undefined };
    if (options.fastPath) fastPath = loadFastPath(options.promotion, (skipped) => load('fastpath', skipped));
    undo.move();
    return new Objects(objects, fastPath);
  }

  has(name: ObjectName): boolean {
    return this.#objects.has(name);
  }

  /** @throws E_BPF_OPEN when the object lacks the program; ask {@link has} first whether it is loaded. */
  program(hook: { readonly object: ObjectName; readonly program: string }): BpfProgram {
    const known = this.#programs.get(hook.program);
    if (known !== undefined) return known;
    const program = this.object(hook.object).program(hook.program);
    this.#programs.set(hook.program, program);
    return program;
  }

  object(name: ObjectName): BpfObject {
    const object = this.#objects.get(name);
    if (object === undefined) throw new RangeError(`object ${name} is not loaded`);
    return object;
  }

  [Symbol.dispose](): void {
    for (const object of this.#objects.values()) object[Symbol.dispose]();
  }
}

interface FastPathLoaded {
  readonly promotion: Promotion;
  readonly refusal: string | undefined;
}

/** Returns, or answers with, what the kernel says against the first way when it takes none. @throws what `load` throws else. */
function loadFastPath(wanted: Promotion | undefined, load: (skipped: readonly string[]) => void): FastPathLoaded {
  const refusals: string[] = [];
  for (const promotion of wanted === undefined ? (['tc', 'iterator'] as const) : [wanted]) {
    try {
      load(PROMOTION_PROGRAMS[promotion === 'tc' ? 'iterator' : 'tc']);
      return { promotion, refusal: undefined };
    } catch (error) {
      if (!isRefusedByVerifier(error)) throw error;
      refusals.push(error.message);
    }
  }
  return { promotion: 'tc', refusal: refusals[0] };
}

/** Not for want of memory or rights, which may pass. */
function isRefusedByVerifier(error: unknown): error is ShuntError {
  return (
    error instanceof ShuntError &&
    error.code === 'E_BPF_LOAD' &&
    (error.errno === constants.errno.EACCES || error.errno === constants.errno.EINVAL)
  );
}

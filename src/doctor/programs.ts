/** Programs of this build, loaded for a moment or for a probe; and what the kernel says when it refuses. */
import { join } from 'node:path';
import { BpfObject } from '../bpf/object.ts';
import { ShuntError } from '../errors.ts';
import type { Build } from './build.ts';

/** Nothing is pinned: maps and programs go with the object. @throws E_BPF_OPEN, E_BPF_LOAD. */
export function loadOnly(build: Build, object: 'capture' | 'fastpath', programs: readonly string[]): BpfObject {
  const path = join(build.objects, `${object}.bpf.o`);
  const opened = BpfObject.open(path, { skip: (program) => !programs.includes(program) });
  try {
    return opened.load();
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

/** Loads one program of an object alone: `accepted`, or `refused: ` and the verifier's reason. @throws E_BPF_OPEN. */
export async function loadAlone(build: Build, object: 'capture' | 'fastpath', program: string): Promise<string> {
  return await unlessRefused(() => {
    using loaded = loadOnly(build, object, [program]);
    loaded.program(program);
    return 'accepted';
  });
}

/** What `look` found, or `refused: ` and why the kernel takes, or attaches, no such program. @throws what else it throws. */
export async function unlessRefused(look: () => string | Promise<string>): Promise<string> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ShuntError && ['E_BPF_LOAD', 'E_BPF_ATTACH', 'E_NEEDS'].includes(error.code)) {
      return `refused: ${error.message}`;
    }
    throw error;
  }
}

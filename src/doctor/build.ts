/** Where the files are that a doctor probes with. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShuntError } from '../errors.ts';

export interface Build {
  /** Directory of capture.bpf.o and fastpath.bpf.o. */
  readonly objects: string;
  /** Directory of peer, race, refuse-splice and splice-abi. */
  readonly native: string;
}

const BUILT = join(import.meta.dirname, '../../build');

/** Of the running kernel; another at each boot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** What scripts/build makes. */
export const THIS_BUILD: Build = { objects: join(BUILT, 'bpf'), native: join(BUILT, 'native') };

/**
 * 16 hex digits that change with any of the files and with `questions`.
 * @throws E_BPF_OPEN when a file is absent: run scripts/build.
 */
export function buildHash({ objects, native }: Build, questions: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(questions));
  const files = [
    join(objects, 'capture.bpf.o'),
    join(objects, 'fastpath.bpf.o'),
    ...['peer', 'race', 'refuse-splice', 'splice-abi'].map((program) => join(native, program)),
  ];
  for (const file of files) hash.update(createHash('sha256').update(contentOf(file)).digest());
  return hash.digest('hex').slice(0, 16);
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ShuntError('E_BPF_OPEN', `${file} cannot be read: ${(cause as Error).message}; run scripts/build`, {
      cause,
    });
  }
}

/** How the sockets of a workload may be treated as readers on the fast path; docs/architecture.md, "A connection", 6. Pure. */
import { basename } from 'node:path';
import type { Mesh, Workload } from '../config/model.ts';

/** A name of `enum shunt_reader` (bpf/include/abi.h): `Reader[readerClass(...)]` is its number. */
export type ReaderClass = 'AUTO' | 'GREEDY' | 'NEVER' | 'OFF';

/** Wait edge-triggered, and read until EAGAIN: nothing is left behind in the second queue. */
const GREEDY_READERS = ['envoy'];

/**
 * Splice from their sockets. What was redirected is out of splice's sight: it waits for ever, or takes what came later. They
 * may send. Whoever is not on this list is found out by its first splice, which is too late for the connections that are
 * promoted by then.
 */
const SPLICING_READERS = ['haproxy'];

/** Does any word of the command name one of them? The program may be started by a shell or by env(1). */
export function isSplicing(command: readonly string[]): boolean {
  const words = command.flatMap((argument) => argument.split(/[^\w./-]+/));
  return words.some((word) => SPLICING_READERS.includes(basename(word)));
}

/**
 * What the workload's configuration says comes first, then what its program is known to do, else the kernel looks how each
 * socket waits. `command` is the program and its arguments; by default what `run` says.
 */
export function readerClass(
  mesh: Mesh,
  workload: Workload,
  command: readonly string[] | undefined = workload.run?.command,
): ReaderClass {
  if (!mesh.fastPath.enabled || workload.fastPath === 'off') return 'OFF';
  if (workload.fastPath === 'sender-only') return 'NEVER';
  if (isSplicing(command ?? [])) return 'NEVER';
  const program = basename(command?.[0] ?? '');
  if ([...GREEDY_READERS, ...mesh.fastPath.greedyReaders].includes(program)) return 'GREEDY';
  return 'AUTO';
}

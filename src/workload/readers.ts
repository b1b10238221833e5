/** How the sockets of a workload may be treated as readers on the fast path; docs/architecture.md, "A connection", 6. Pure. */
import { basename } from 'node:path';
import type { Mesh, Workload } from '../config/model.ts';

/** A name of `enum shunt_reader` (bpf/include/abi.h): `Reader[readerClass(...)]` is its number. */
export type ReaderClass = 'AUTO' | 'GREEDY' | 'NEVER' | 'OFF';

/** Wait edge-triggered, and read until EAGAIN: nothing is left behind in the second queue. */
const GREEDY_READERS = ['envoy'];

/** Splice from their sockets, which finds nothing among redirected bytes and waits for ever. They may send. */
const SPLICING_READERS = ['haproxy'];

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
  const program = basename(command?.[0] ?? '');
  if (SPLICING_READERS.includes(program)) return 'NEVER';
  if ([...GREEDY_READERS, ...mesh.fastPath.greedyReaders].includes(program)) return 'GREEDY';
  return 'AUTO';
}

/** How the sockets of a workload may be treated as readers on the fast path; docs/architecture.md, "A connection", 6. Pure. */
import { basename } from 'node:path';
import type { Mesh, Workload } from '../config/model.ts';

/** A name of `enum shunt_reader` (bpf/include/abi.h): `Reader[readerClass(...)]` is its number. */
export type ReaderClass = 'AUTO' | 'GREEDY' | 'NEVER' | 'OFF';

/** What splice(2) answers to the programs of a workload: EINVAL, or what the kernel finds. */
export type Splice = 'refused' | 'allowed';

/** Wait edge-triggered, and read until EAGAIN: nothing is left behind in the second queue. */
const GREEDY_READERS = ['envoy'];

/**
 * End a connection, or themselves, when splice(2) is refused; others (Go, HAProxy) read instead. What was redirected is out
 * of splice's sight: who uses it would wait for ever, or take what came later. They may send.
 */
const SPLICING_READERS = ['systemd-socket-proxyd'];

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

/**
 * Refused wherever the workload may ever be redirected to: also in a mesh whose fast path is off, because it may be turned
 * on while the program runs, and nothing takes splice(2) from a program that has it.
 */
export function spliceOf(workload: Workload, command: readonly string[] | undefined = workload.run?.command): Splice {
  return workload.fastPath === 'auto' && !isSplicing(command ?? []) ? 'refused' : 'allowed';
}

/** The steps that can fail between nothing and a working data plane, as parameters: a test provokes each failure. */
import { renameSync } from 'node:fs';
import type { BpfLink } from '../bpf/link.ts';
import type { BpfMap } from '../bpf/map.ts';
import type { BpfProgram } from '../bpf/program.ts';
import { attachTc, type TcPoint } from '../bpf/tc.ts';

export interface Attach {
  cgroup(program: BpfProgram, cgroupPath: string): BpfLink;
  update(link: BpfLink, program: BpfProgram): void;
  socketHash<K, V>(program: BpfProgram, map: BpfMap<K, V>): void;
  tc(point: TcPoint & { program: BpfProgram }): void;
  /** Renames a complete directory of pins into place. */
  publish(from: string, to: string): void;
}

/** What they are outside tests. */
export const kernelAttach: Attach = {
  cgroup: (program, cgroupPath) => program.attachCgroup(cgroupPath),
  update: (link, program) => link.update(program),
  socketHash: (program, map) => program.attachToMap(map, 'sk_msg'),
  tc: attachTc,
  publish: renameSync,
};

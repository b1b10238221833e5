/** Where the memory of a running Envoy is. */
import { readFileSync } from 'node:fs';

export interface EnvoyMemory {
  /** All that is private to the process, kB. */
  readonly anonymousKb: number;
  /** The linear memory of each of its WASM VMs, kB, by address. */
  readonly vmsKb: readonly number[];
}

/** V8 reserves so much for the memory of each VM, and takes the access to what the VM has not grown to. */
const RESERVED_BY_VM_KB = 8 * 1024 * 1024;

export function memoryOf(pid: number): EnvoyMemory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const maps = [...readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^([0-9a-f]+)-([0-9a-f]+) (....)/gm)].map(
    ([, start, end, access]) => ({ access, sizeKb: (Number(`0x${end}`) - Number(`0x${start}`)) / 1024 }),
  );
  const vmsKb = maps.flatMap(({ access, sizeKb }, index) => {
    const rest = maps[index + 1];
    return access === 'rw-p' && rest?.access === '---p' && sizeKb + rest.sizeKb === RESERVED_BY_VM_KB ? [sizeKb] : [];
  });
  return { anonymousKb: Number(/^Anonymous:\s+(\d+) kB$/m.exec(rollup)?.[1]), vmsKb };
}

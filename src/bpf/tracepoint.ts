/** perf_event_open(2) of a tracepoint, the thing that a BPF program is linked to. */
import { readFileSync } from 'node:fs';
import { ShuntError } from '../errors.ts';
import { failure } from './errors.ts';
import { errno, libc } from './ffi.ts';

const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const PERF_EVENT_OPEN: Partial<Record<NodeJS.Architecture, number>> = { x64: 298, arm64: 241 };
const PERF_TYPE_TRACEPOINT = 2;
const PERF_FLAG_FD_CLOEXEC = 8;
/** struct perf_event_attr, first published size: type u32, size u32, config u64, sample_period u64, then zeros. */
const PERF_ATTR_SIZE_VER0 = 64;

function tracepointId(category: string, name: string, what: string): bigint {
  for (const root of TRACEFS) {
    try {
      return BigInt(readFileSync(`${root}/events/${category}/${name}/id`, 'utf8').trim());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  for (const root of TRACEFS) {
    try {
      readFileSync(`${root}/events/header_page`);
      throw new ShuntError('E_BPF_ATTACH', `${what}: this kernel has no such tracepoint`);
    } catch (error) {
      if (error instanceof ShuntError) throw error;
    }
  }
  throw new ShuntError('E_NEEDS', `${what}: no tracefs; mount it: mount -t tracefs tracefs ${TRACEFS[0]}`);
}

/** A perf event of a tracepoint, on all tasks. The caller closes it. @throws E_NEEDS, E_BPF_ATTACH. */
export function openTracepoint(category: string, name: string, what: string): number {
  const id = tracepointId(category, name, what);
  const number = PERF_EVENT_OPEN[process.arch];
  if (number === undefined) throw new ShuntError('E_NEEDS', `${what}: not known on ${process.arch}`);
  const attributes = Buffer.alloc(PERF_ATTR_SIZE_VER0);
  attributes.writeUInt32LE(PERF_TYPE_TRACEPOINT, 0);
  attributes.writeUInt32LE(PERF_ATTR_SIZE_VER0, 4);
  attributes.writeBigUInt64LE(id, 8);
  attributes.writeBigUInt64LE(1n, 16);
  // A program on a tracepoint runs on every CPU, whatever CPU its event was opened for.
  const fd = libc().perfEventOpen(number, attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) throw failure('E_BPF_ATTACH', what, 'perf_event_open', errno());
  return fd;
}

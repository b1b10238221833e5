/** Prints what a program on a tracepoint counted, as JSON. Arguments: object, directory for pins. */
import { BpfLink } from '../../../src/bpf/link.ts';
import { BpfObject } from '../../../src/bpf/object.ts';
import { definitions } from './definitions.ts';

const [path, pins] = process.argv.slice(2) as [string, string];
using object = BpfObject.open(path).load();
const program = object.program('traced');
const calls = (): number =>
  object
    .map(definitions.hits)
    .getPerCpu(1)
    ?.reduce((sum, n) => sum + n) ?? 0;
const CALLS = 10;
object.map(definitions.state).set(2, BigInt(process.pid));

/** kill(2) with signal 0 does nothing. The program counts those that name this process. */
function called(): number {
  for (let i = 0; i < CALLS; i++) process.kill(process.pid, 0);
  return calls();
}

const result: Record<string, unknown> = { before: called() };
try {
  const link = program.attachTracepoint('syscalls', 'sys_enter_kill');
  result.attached = called();
  link.pin(`${pins}/link`);
  link[Symbol.dispose]();
  result.pinned = called();
  const adopted = BpfLink.open(`${pins}/link`);
  adopted.unpin();
  result.adopted = called();
  adopted[Symbol.dispose]();
  result.gone = called();
  try {
    program.attachTracepoint('syscalls', 'absent');
  } catch (error) {
    result.absent = (error as Error).message;
  }
} catch (error) {
  result.error = (error as Error).message;
}
console.log(JSON.stringify(result));

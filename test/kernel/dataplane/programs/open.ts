/**
 * open.ts INSTANCE [STEP]: opens the data plane, prints what happened as JSON and holds it until it is killed. With STEP
 * (`publish` of the directory, or a program's name) it kills itself with SIGKILL when that step comes.
 */
import { type Attach, kernelAttach } from '../../../../src/dataplane/attach.ts';
import { openDataplane } from '../../../../src/dataplane/open.ts';
import { instance } from '../../../../src/instance.ts';

const [name = '', step] = process.argv.slice(2);

function die(at: string): void {
  if (at !== step) return;
  process.kill(process.pid, 'SIGKILL');
  // The signal is delivered before this call returns to JavaScript; should it not be, nothing must follow.
  process.abort();
}

const attach: Attach = {
  ...kernelAttach,
  cgroup(program, cgroup) {
    die(program.name);
    return kernelAttach.cgroup(program, cgroup);
  },
  socketHash(program, map) {
    die(program.name);
    kernelAttach.socketHash(program, map);
  },
  publish(from, to) {
    die('publish');
    kernelAttach.publish(from, to);
  },
};

const dataplane = openDataplane(instance(name), { attach });
console.log(JSON.stringify(dataplane.opened));
setInterval(() => {}, 1 << 30);

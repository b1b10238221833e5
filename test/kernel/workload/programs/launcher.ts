/** A starter that can be killed: launches a command in a workload, says its pid, and waits. Arguments: instance, workload, command. */
import { instance, type ResourceKey } from '../../../../src/instance.ts';
import { launch } from '../../../../src/workload/launch.ts';

const [name = '', workload = '', ...command] = process.argv.slice(2);
const { pid } = await launch(instance(name), workload as ResourceKey, { command, hash: 'adopt-me' });
process.stdout.write(`${pid}\n`);
setInterval(() => {}, 1 << 30);

/** What `shunt run` does with its terminal. Arguments: instance, workload, command. Ends as the command ended. */
import { constants } from 'node:os';
import { instance, type ResourceKey } from '../../../../src/instance.ts';
import { runForeground } from '../../../../src/workload/foreground.ts';

const [name = '', workload = '', ...command] = process.argv.slice(2);
const { code, signal } = await runForeground(instance(name), workload as ResourceKey, { command });
process.exitCode = code ?? 128 + constants.signals[signal as NodeJS.Signals];

/** The commands and their options. Nouns read, verbs change; each has --help and -o json. docs/cli.md is made from this. */
import { Command, type CommandOptions, InvalidArgumentError, Option } from 'commander';
import type { SnippetCommandOptions } from './commands/filters.ts';
import type { PcapOptions } from './commands/pcap.ts';
import { type Context, context, type GlobalOptions } from './context.ts';
import { EXIT, type OutputFormat } from './output.ts';

export const program = new Command('shunt')
  .description('A service-mesh data plane for one Linux node')
  .option('--instance <name>', 'which mesh on this machine (default: "default")')
  .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']))
  .showHelpAfterError('(run with --help for what is possible)')
  .enablePositionalOptions()
  .exitOverride();

/** What the command that ran says of itself. */
export const result: { exitCode: number; output: OutputFormat } = { exitCode: EXIT.ok, output: 'table' };

/** The option nearest to the command wins: `shunt -o table status -o json` prints JSON. */
function globals(self: Command): GlobalOptions {
  const given: Partial<GlobalOptions> = { ...program.opts(), ...self.opts() };
  return { instance: given.instance ?? 'default', output: given.output ?? 'table' };
}

/**
 * Gives a command its context and keeps what it returns as the exit status. Each body imports its command when it runs: the
 * data plane's libraries take longer to load than `status` takes to answer.
 */
function command<A extends unknown[]>(
  body: (context: Context, ...args: A) => Promise<number | undefined> | Promise<void> | void,
): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const self = args.at(-1) as Command;
    result.output = globals(self).output;
    const code = await body(context(globals(self)), ...(args as A));
    result.exitCode = typeof code === 'number' ? code : EXIT.ok;
  };
}

/** Every command takes -o and --instance after its name too: that is where hands type them. */
function add(name: string, description: string, parent = program, options: CommandOptions = {}): Command {
  return parent
    .command(name, options)
    .description(description)
    .option('--instance <name>', 'which mesh on this machine')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']));
}

const collect = (value: string, previous: readonly string[] = []): string[] => [...previous, value];

add('up', 'Make the machine match the resources; start the supervisor when none runs')
  .requiredOption('-f, --file <path>', 'file or folder of resources; may be repeated', collect)
  .option('--foreground', 'supervise in this process, until interrupted')
  .action(
    command(async (ctx, options: { file: string[]; foreground?: boolean }) =>
      (await import('./commands/up.ts')).up(ctx, options),
    ),
  );

add('down', 'Remove everything of the instance from the machine').action(
  command(async (ctx) => (await import('./commands/down.ts')).down(ctx)),
);

add('plan', 'Print what `up` would change')
  .requiredOption('-f, --file <path>', 'file or folder of resources; may be repeated', collect)
  .action(
    command(async (ctx, options: { file: string[] }) => (await import('./commands/plan.ts')).plan(ctx, options.file)),
  );

add('status', 'Is all well, what does it cost, how much goes by the fast path').action(
  command(async (ctx) => (await import('./commands/status.ts')).status(ctx)),
);

add('doctor', 'Find out what this kernel does, what that means and what stays off').action(
  command(async (ctx) => (await import('./commands/doctor.ts')).doctor(ctx)),
);

add('workloads', 'List the workloads').action(
  command(async (ctx) => (await import('./commands/workloads.ts')).workloads(ctx)),
);

add('flows', 'List promoted connections: the share on the fast path and why the rest is not')
  .option('-w, --watch', 'print again every second')
  .option('--workload <name>', 'only those that this workload, or envoy, is an end of')
  .option('--all', 'all established connections of workloads and Envoy, with how each stands to the fast path')
  .action(
    command(async (ctx, options: { watch?: boolean; workload?: string; all?: boolean }) =>
      (await import('./commands/flows.ts')).flows(ctx, options),
    ),
  );

add('explain', 'Say how a socket stands to the fast path, since when, and why')
  .argument('<what...>', 'PID:FD, or the two ends of a connection: ADDRESS:PORT ADDRESS:PORT')
  .action(command(async (ctx, what: string[]) => (await import('./commands/explain.ts')).explain(ctx, what.join(' '))));

add('top', 'Show what each pair of workloads sends right now, the share on the fast path, what the programs cost')
  .option('-i, --interval <seconds>', 'time between two pictures', seconds, 1)
  .option('-n, --count <times>', 'end after so many pictures', wholeNumber)
  .action(
    command(async (ctx, options: { interval: number; count?: number }) =>
      (await import('./commands/top.ts')).top(ctx, options),
    ),
  );

add('pcap', 'Capture what promoted connections send, for Wireshark: no device sees it')
  .argument(
    '<flow...>',
    'PID:FD, ADDRESS:PORT ADDRESS:PORT, the cookie that `flows -o json` shows, or a workload or envoy: all of its connections',
  )
  .requiredOption('-w, --write <file>', 'pcapng file to write; - is standard output')
  .option('--snap <bytes>', 'keep so many bytes of the payload of a packet, 0 to 4096', wholeNumberOrZero)
  .option('--size <bytes>', 'end before the file is larger (default: 100000000)', wholeNumber)
  .option('--duration <seconds>', 'end after so long (default: when interrupted)', seconds)
  .action(
    command(async (ctx, flows: string[], options: PcapOptions) =>
      (await import('./commands/pcap.ts')).pcap(ctx, flows, options),
    ),
  );

add('metrics', "Print the instance's metrics in Prometheus' text format")
  .option('--cost <seconds>', 'have the cost of the BPF programs measured for so long from now on', seconds)
  .action(
    command(async (ctx, options: { cost?: number }) => (await import('./commands/metrics.ts')).metrics(ctx, options)),
  );

add('pause', 'Send every message by TCP from now on; of one workload, what it sends and receives')
  .argument('[workload]', 'NAMESPACE/NAME, or NAME in namespace default; default: all')
  .action(command(async (ctx, name?: string) => (await import('./commands/pause.ts')).pause(ctx, name)));

add('resume', 'Use the fast path again')
  .argument('[workload]', 'as for pause; a workload that is paused of itself stays so until it is named')
  .action(command(async (ctx, name?: string) => (await import('./commands/pause.ts')).resume(ctx, name)));

add('forget', 'Forget what was learned of workloads by watching them, and promote them again')
  .argument('[workload]', 'NAMESPACE/NAME, or NAME in namespace default; default: all')
  .action(command(async (ctx, name?: string) => (await import('./commands/forget.ts')).forget(ctx, name)));

add('run', 'Run a program as a workload of the mesh')
  .argument('<command...>', 'program and its arguments')
  .option('--name <name>', 'name of the workload (default: made up)')
  .option('--namespace <namespace>', 'namespace of the workload', 'default')
  .option('--service-account <name>', 'its service account', 'default')
  .option('--label <name=value>', 'label; may be repeated', assignment, {})
  .option('--user <name>', 'user to run as')
  .passThroughOptions()
  .action(
    command(
      async (
        ctx,
        words: string[],
        options: { name?: string; namespace: string; serviceAccount: string; label: Record<string, string> },
      ) => (await import('./commands/run.ts')).run(ctx, words, options),
    ),
  );

const filters = program.command('filters').description('The WASM filters, and how to load them into any Envoy');

add('list', 'List the filters of this build', filters, { isDefault: true }).action(
  command(async (ctx) => (await import('./commands/filters.ts')).listFilters(ctx)),
);

add('snippet', 'Print the entry of http_filters that loads a filter into an Envoy of your own', filters)
  .argument('<name>', 'which filter')
  .option('-f, --file <path>', 'authz: file or folder of resources; may be repeated', collect)
  .addOption(
    new Option('--identity <where>', 'authz: what says who calls (default: "mtls")').choices(['mtls', 'listener']),
  )
  .option(
    '--cluster <name=target>',
    "authz: that Envoy's name of a cluster and the NAMESPACE/WORKLOAD:PORT that it is; may be repeated",
    assignment,
  )
  .option('--module <path>', 'where the module is on the machine of that Envoy (default: the one of this build)')
  .option('--reload-from <path>', 'an entry that takes its configuration from this file, whenever it is renamed over')
  .option('--resource', 'print that file instead of an entry')
  .action(
    command(async (ctx, name: string, options: SnippetCommandOptions) =>
      (await import('./commands/filters.ts')).printSnippet(ctx, name, options),
    ),
  );

add('new', 'Write a folder with a filter of your own to begin with: source, schema, test, build', filters)
  .argument('<name>', 'of the filter and the folder')
  .action(command(async (ctx, name: string) => (await import('./commands/filters-new.ts')).newFilter(ctx, name)));

program
  .command('supervise', { hidden: true })
  .option('--instance <name>')
  .action(command(async (ctx) => (await import('./commands/supervise.ts')).supervise(ctx)));

/** A timer of Node takes no more, 24 days; a longer one would end at once. */
const SECONDS_MAX = 2_147_483;

/** Reads an option that is a number of seconds. */
function seconds(value: string): number {
  const number = Number(value);
  if (number > 0 && number <= SECONDS_MAX) return number;
  throw new InvalidArgumentError(`Expected seconds, more than 0, at most ${SECONDS_MAX}.`);
}

function wholeNumberOrZero(value: string): number {
  return value === '0' ? 0 : wholeNumber(value);
}

function wholeNumber(value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

/** Reads an option `name=value` that may be repeated. */
function assignment(value: string, previous: Record<string, string> = {}): Record<string, string> {
  const at = value.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('Expected name=value.');
  return { ...previous, [value.slice(0, at)]: value.slice(at + 1) };
}

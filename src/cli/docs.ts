/** The text of docs/cli.md: the help of each command, as a user sees it. */
import type { Command } from 'commander';
import { program } from './program.ts';

const WIDTH = 100;

const INTRODUCTION = `# Command line

Generated from \`shunt --help\` by scripts/generate-cli-docs.ts; do not edit.

Exit codes: 0 ok, 1 failed, 2 usage, 3 partly applied. \`shunt run\` exits with the status of its command. Errors go to
standard error as \`shunt: CODE: what\`; the codes are in [errors.md](errors.md). With \`-o json\` both are JSON.
`;

export function cliDocs(): string {
  return [INTRODUCTION, ...sections(program)].join('\n');
}

/** A command, then those below it. */
function sections(command: Command): string[] {
  const below = command.commands.filter((one) => !(one as Command & { _hidden?: boolean })._hidden);
  return [section(command), ...below.flatMap(sections)];
}

function section(command: Command): string {
  command.configureHelp({ helpWidth: WIDTH });
  const help = command
    .helpInformation()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();
  return `## ${nameOf(command)}\n\n\`\`\`text\n${help}\n\`\`\`\n`;
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}

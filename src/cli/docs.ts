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
  const visible = program.commands.filter((command) => !(command as Command & { _hidden?: boolean })._hidden);
  return [INTRODUCTION, ...[program, ...visible].map(section)].join('\n');
}

function section(command: Command): string {
  command.configureHelp({ helpWidth: WIDTH });
  const name = command === program ? 'shunt' : `shunt ${command.name()}`;
  const help = command
    .helpInformation()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trimEnd();
  return `## ${name}\n\n\`\`\`text\n${help}\n\`\`\`\n`;
}

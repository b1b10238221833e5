/** Writes docs/semantics.md from the table that test/kernel/semantics holds against the kernel. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Difference, Met, Part, SemanticCase } from '../test/kernel/semantics/case.ts';
import { PARTS } from '../test/kernel/semantics/cases.ts';
import type { Capability } from '../test/support/capabilities.ts';

const path = join(import.meta.dirname, '../docs/semantics.md');

function verdict({ differs, way }: SemanticCase): string {
  if (way === 'refused') return 'never promoted';
  return differs === undefined ? 'the same' : 'differs';
}

/** Kernels that have it, and those that lack it. */
const KERNELS: Partial<Record<Capability, readonly [has: string, lacks: string]>> = {
  'length of a queue': [
    'the kernel counts the bytes of a queue (6.12 does)',
    'the kernel does not count the bytes of a queue (6.1 does not)',
  ],
  'sendfile into a pipe': ['sendfile(2) takes from a socket into a pipe (5.10 does not)', 'it takes nothing (5.10)'],
  'TLS of its own': ['the kernel has CONFIG_TLS', 'the kernel has no CONFIG_TLS'],
  'all flags of a promoted sender': ['the kernel is 6.1 or later', 'the kernel is older than 6.1'],
};

function kernels({ where, mended }: Difference): string {
  if (where === undefined) return '';
  const [capability, index] = 'has' in where ? ([where.has, 0] as const) : ([where.lacks, 1] as const);
  const some = mended ? ', and not in all of those: the newest are mended' : '';
  return ` Only where ${KERNELS[capability]?.[index] ?? capability}${some}.`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = header.map((name, column) => Math.max(name.length, ...escaped.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(header), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...escaped.map(line)].join('\n');
}

const MET: Readonly<Record<Met, string>> = {
  'by programs': 'Programs that do nothing wrong can meet these',
  'without harm': 'These can be seen, and what a program does next is right in both cases',
  'by mistakes and tests': 'These take a mistake, or a test',
};

const differing = (cases: readonly SemanticCase[], met: Met) =>
  cases.flatMap(({ name, what, differs }) => (differs?.met === met ? [{ name, what, differs }] : []));

function summaryOf(cases: readonly SemanticCase[]): string {
  const rows = (Object.keys(MET) as Met[]).flatMap((met) =>
    differing(cases, met).map(({ name, what }) => [met, `[\`${name}\`](#${anchorOf(name, what)})`, what]),
  );
  return table(['met', 'case', 'what'], rows);
}

/** As GitHub makes it of a heading. */
function anchorOf(name: string, what: string): string {
  return `${name}: ${what}`
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-');
}

function differencesOf(cases: readonly SemanticCase[]): string[] {
  return (Object.keys(MET) as Met[]).flatMap((met) => [
    `## ${MET[met]}\n`,
    ...differing(cases, met).map(({ name, what, differs }) => {
      const rows = Object.entries(differs.seen).map(([label, [tcp, promoted]]) => [label, tcp, promoted]);
      return `### ${name}: ${what}\n\n${table(['seen', 'TCP', 'promoted'], rows)}\n\n${differs.why}${kernels(differs)}\n`;
    }),
  ]);
}

/** The text of docs/semantics.md. */
export function semanticsPage(parts: readonly Part[] = PARTS): string {
  const cases = parts.flatMap((part) => part.cases);
  const count = (word: string): number => cases.filter((semantic) => verdict(semantic) === word).length;
  const sections = parts.map(
    (part) =>
      `## ${part.title}\n\n${table(
        ['case', 'what', 'promoted, compared with TCP'],
        part.cases.map((semantic) => [`\`${semantic.name}\``, semantic.what, verdict(semantic)]),
      )}\n`,
  );
  return `<!-- Generated from test/kernel/semantics/cases.ts by scripts/generate-semantics-docs.ts; do not edit. -->

# What an application sees

Each case is run over TCP and over a promoted connection, over lo and veth, IPv4, IPv6 and v4-mapped, and what the
program saw is compared line by line (\`native/semantics\`, \`npm test -- kernel semantics\`). The test fails when a
difference appears that is not below, and when one that is below disappears; and when a connection that should have been
promoted and redirected was not.

${cases.length} cases: ${count('the same')} are the same, ${count('never promoted')} keep a connection from being promoted, ${count('differs')} differ. Each of these is a
thing that the kernel leaves no way to mend from outside of it; some kernels have fewer.

${summaryOf(cases)}

${differencesOf(cases).join('\n')}
# All cases

${sections.join('\n')}`;
}

if (import.meta.main) writeFileSync(path, semanticsPage());

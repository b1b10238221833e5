/** docs/fastpath-model.md: `node test/unit/model/document.ts` writes it, a test holds it equal to what the model finds. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, HOLDS, REMAINS, run, WITHOUT } from './cases.ts';
import { INVARIANTS } from './model.ts';
import type { Scenario } from './rules.ts';

export const PAGE = join(import.meta.dirname, '../../../docs/fastpath-model.md');

function sizeOf(scenario: Scenario): string {
  const {
    messages,
    messageBytes,
    credit,
    bufferBytes,
    writers = 1,
    receiveBuffer,
    pauses = 0,
    changes = 0,
    counted,
  } = scenario;
  const parts = [
    scenario.linked ? 'linked at the start' : 'promoted at any moment or never',
    `${messages} messages of ${messageBytes === 1 ? '1 byte' : `1 to ${messageBytes} bytes`}`,
    `credit ${credit}`,
    `recv of ${bufferBytes}`,
  ];
  if (writers > 1) parts.push(`${writers} threads that write`);
  if (counted) parts.push('queued bytes counted');
  if (receiveBuffer !== undefined) parts.push(`receive buffer ${receiveBuffer}`);
  if (pauses > 0) parts.push(`${pauses} change${pauses > 1 ? 's' : ''} of the pause`);
  if (changes > 0) parts.push(`${changes} change${changes > 1 ? 's' : ''} of ${scenario.standing ?? 'members'}`);
  return parts.join(', ');
}

/** Aligned as the formatter wants it; the last column is for numbers when `numbers` is set. */
function table(rows: readonly (readonly string[])[], numbers = false): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isNumber = (column: number): boolean => numbers && column === widths.length - 1;
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const pad = (cell: string, column: number): string =>
    isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  const rule = widths.map((width, column) => (isNumber(column) ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  return [line(rows[0]!.map(pad)), line(rule), ...rows.slice(1).map((row) => line(row.map(pad)))].join('\n');
}

function grouped(states: number): string {
  return states.toLocaleString('en-GB');
}

function trace(tried: Case & { rule: string; breaks: string }, value: boolean): string {
  const { counterexample } = run(tried, { ...tried.rules, [tried.rule]: value });
  const steps = (counterexample?.trace ?? []).map((step, index) => `${String(index + 1).padStart(2)} ${step}`);
  return `Breaks \`${counterexample?.invariant}\` (${sizeOf(tried.scenario)}):\n\n\`\`\`\n${steps.join('\n')}\n\`\`\``;
}

function withoutSection(tried: (typeof WITHOUT)[number]): string {
  const seen = tried.seen === undefined ? '' : `${tried.seen}\n\n`;
  return `### Without \`${tried.rule}\`: ${tried.name}\n\n${seen}${trace(tried, false)}`;
}

/** The whole page. */
export function page(): string {
  const holds = HOLDS.map((tried) => [tried.name, sizeOf(tried.scenario), grouped(run(tried, {}).states)]);
  const invariants = Object.entries(INVARIANTS).map(([name, text]) => [`\`${name}\``, text]);
  const without = WITHOUT.map(withoutSection);
  const remains = REMAINS.map((tried) => `### ${tried.name}\n\n${trace(tried, true)}`);
  return `<!-- Written by test/unit/model/document.ts from what the model finds; do not edit. -->

# The fast path, state by state

A test of the unit tier visits every state that one direction of a connection can reach when its parts take their steps
in any order, and checks in each that nothing is lost, reordered, forgotten or without bound. The counterexamples below are
the shortest ones; the test holds this page equal to what it finds. \`SHUNT_MODEL_EXTRA_MESSAGES=1 npm test -- unit\` searches
with more messages.

## What steps

- **sender**: writes messages, ends the connection. \`message_outcome\` reads one thing a step, in the order of
  \`bpf/include/fastpath_message.h\` (a test compares the order and the outcomes); \`bpf_tcp_ingress\` is a step of its own,
  without the sender's lock, as in the kernel.
- **softirq**: a segment arrives in TCP's queue, or in the backlog while the reader is in recv; \`promote\` looks at the reader,
  enters it in \`sockets\`, links. Each may come at any moment or never: detaching the hooks is a case of that.
- **reader**: epoll (level, edge, one-shot), poll, or a recv that blocks. \`tcp_poll\` looks at the two queues one after
  the other. recv loads \`sk_prot->recvmsg\` first; \`tcp_bpf_recvmsg\` looks at TCP's queue, then at the redirected one, both
  without the lock; \`tcp_recvmsg\` knows TCP's queue only.
- **shunt**: pause and resume of all; a change of members, policy or options, and then of the epoch.

Bytes are letters, \`.\` is a FIN, \`!\` a reset. Not modelled: loss of segments other than by a full buffer, PEEK, splice,
out-of-band data, MSG_WAITALL and SO_RCVLOWAT, and several threads that read. Two reads of the same
step see the same moment where the code holds a lock that makes it so, and where a later moment only makes a slower thread.

## What must hold

${table([['invariant', 'text'], ...invariants])}

## What the code keeps

${table([['case', 'size', 'states'], ...holds], true)}

## What each rule is for

Each of these is found when the model leaves out one rule that the code has.

${without.join('\n\n')}

## What the code does not keep

Each is what one of these rules leaves open.

${remains.join('\n\n')}
`;
}

if (import.meta.main) writeFileSync(PAGE, page());

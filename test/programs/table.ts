/** docs/programs.md from what one run saw. */
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { envoyBinary } from '../../src/supervisor/envoy-binary.ts';
import { ROOT } from '../support/mesh.ts';
import type { Direction, Directions } from './share.ts';
import type { Report } from './sources/report.ts';
import { type Client, firstLine, type Subject } from './subject.ts';

export interface Row {
  readonly subject: Subject;
  readonly client: Client;
  readonly way: 'envoy' | 'direct';
  readonly report: Report;
  /** Between the program and whoever connects to it. */
  readonly program: Directions;
  /** Between the client and Envoy. */
  readonly envoy?: Directions;
}

export const PAGE = join(ROOT, 'docs/programs.md');

/** What a reader of the page must know of a reason; names as in `shunt flows` and `shunt status`. */
const REASONS: Readonly<Record<string, string>> = {
  handover:
    'the reader had not yet taken all that came by TCP; after one fallback a sender that never pauses stays there',
  credit: '`maxQueuedBytes` were waiting to be read',
  'before-promotion': 'written before the socket was promoted',
  'reader-edge': 'one end came to wait edge-triggered after its promotion',
  'refused-edge': 'one end waits edge-triggered and is not known to read until EAGAIN: neither is promoted',
  'reader-blocking': 'one end came to block after its promotion',
  'refused-blocking': 'one end blocks: neither is promoted',
  'refused-peer': 'the other end is of no workload or proxy of this node',
  'reader-refused': 'the program is on the list of those that cannot do without splice(2): it may only send',
  'reader-unknown': 'the reader was not seen waiting in a known way',
  'refused-option': 'it set an option that promotion breaks',
  'refused-mptcp': 'a subflow of MPTCP',
  'refused-waiting': 'the reader was not seen waiting in a known way',
  unlinked: 'the peer is not promoted',
  'stale-peer': 'the peer had closed',
  refresh: 'a message goes by TCP every 10 s, for those who watch packets',
};

export function writePage(rows: readonly Row[], subjects: readonly Subject[]): void {
  const tested = subjects.filter((subject) => rows.some((row) => row.subject === subject));
  const absent = subjects.flatMap(({ title, missing }) => (missing() === undefined ? [] : `${title} (${missing()})`));
  const bytes = rows.reduce((sum, { report }) => sum + report.bytes, 0);
  const seen = new Set(rows.flatMap(reasonsOf));
  const reasons = Object.entries(REASONS).filter(([name]) => seen.has(name));
  writeFileSync(
    PAGE,
    `<!-- Written by npm test -- programs; do not edit. -->

# Real programs on the fast path

${new Date().toISOString().slice(0, 10)}, kernel ${release()}, ${firstLine(envoyBinary(), '--version')
      .replace(/^.*version: */, 'Envoy ')
      .replace(/^Envoy \w+\/([\d.]+)\/.*/, 'Envoy $1')}.

Each line is one client on one kept connection that sends ${sizes(rows)} to the program, and gets
them back: ${rows.length} runs, ${Math.round(bytes / 1e6)} MB each way. What came back is compared byte for byte; no byte for 10 s is a
time-out. \`npm test -- programs\` runs them and writes this page.

"To it" and "from it" are the shares of bytes, and in brackets of messages, that went from socket to socket, as the kernel
counts them for each pair of members, on short connections too, and what most of the others met. A message is what one send(2) hands over.

## Directly, from workload to workload

${table(
  ['program', 'client', 'exchanges', 'wrong', 'time-outs', 'to it', 'from it'],
  rows
    .filter(({ way }) => way === 'direct')
    .map((row) => [...common(row), cell(row.program.to), cell(row.program.from)]),
)}

## As a Service, through Envoy

Envoy is on the list of readers that read until EAGAIN.

${table(
  ['program', 'client', 'exchanges', 'wrong', 'time-outs', 'to it', 'from it', 'client to Envoy', 'Envoy to client'],
  rows
    .filter(({ way }) => way === 'envoy')
    .map((row) => [
      ...common(row),
      ...[row.program.to, row.program.from].map(cell),
      ...(row.envoy === undefined ? ['', ''] : [cell(row.envoy.to), cell(row.envoy.from)]),
    ]),
)}

## Reasons

${table(
  ['reason', 'meaning'],
  reasons.map(([name, meaning]) => [name, meaning]),
)}

## Versions

${tested.map(({ title, version }) => `- ${title}: ${version()}`).join('\n')}
${absent.length === 0 ? '' : `\nNot tested in this run: ${absent.join('; ')}.\n`}`,
  );
}

function sizes(rows: readonly Row[]): string {
  const largest = Math.max(...rows.map(({ subject }) => subject.largestBytes));
  return `bodies of 1 B to ${largest / 1e6} MB`;
}

const common = ({ subject, client, report }: Row): string[] => [
  subject.title,
  client.title,
  String(report.exchanges),
  String(report.wrong.length),
  String(report.timeouts.length),
];

const percent = (share: number): string => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

function cell({ bytes, messages, because }: Direction): string {
  const share = bytes === 0 ? '0 %' : `${percent(bytes)} (${percent(messages)})`;
  return because === undefined ? share : `${share} ${because}`;
}

const reasonsOf = ({ program, envoy }: Row): string[] =>
  [program.to, program.from, envoy?.to, envoy?.from].flatMap((direction) => direction?.because ?? []);

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

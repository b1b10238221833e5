/**
 * `shunt flows`: promoted connections, one line a direction, with the share that took the fast path and why the rest did
 * not. With `--all` every established connection of the mesh.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import type { ExplainedSocket, Flow } from '../../api/types.ts';
import { type Context, withApi } from '../context.ts';
import { bytes, duration, percent, print, shortTime, show, table } from '../output.ts';

export interface FlowsOptions {
  /** Print again every second until interrupted. */
  readonly watch?: boolean;
  /** `NAMESPACE/NAME`, or a name alone in any namespace; or `envoy`. */
  readonly workload?: string;
  readonly all?: boolean;
}

const WATCH_INTERVAL_MS = 1000;

export async function flows(context: Context, options: FlowsOptions): Promise<void> {
  await withApi(context.instance, async (api) => {
    do {
      const read = options.all ? await readAll(api, options) : await readPromoted(api, options);
      if (options.watch && context.output === 'table' && process.stdout.isTTY) print('\u001b[2J\u001b[H');
      show(context.output, read.values, read.lines);
      if (options.watch) await delay(WATCH_INTERVAL_MS);
    } while (options.watch);
  });
}

interface Read {
  readonly values: readonly unknown[];
  readonly lines: () => string;
}

async function readPromoted(api: ApiClient, { workload }: FlowsOptions): Promise<Read> {
  const values = (await api.flows()).filter(({ from, to }) => isAbout(workload, from, to));
  return { values, lines: () => promotedLines(values) };
}

async function readAll(api: ApiClient, { workload }: FlowsOptions): Promise<Read> {
  const values = (await api.connections()).filter((one) => isAbout(workload, one.workload, one.peerWorkload));
  return { values, lines: () => allLines(values) };
}

function isAbout(wanted: string | undefined, ...ends: readonly (string | undefined)[]): boolean {
  return wanted === undefined || ends.some((end) => end === wanted || end?.split('/')[1] === wanted);
}

function promotedLines(all: readonly Flow[]): string {
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
  return table(
    ['from', 'to', 'local', 'remote', 'age', 'messages', 'bytes', 'fast path', 'the rest', 'queue', 'peak', 'delay'],
    all.map((flow) => [
      flow.from,
      flow.to,
      flow.local,
      flow.remote,
      `${Math.round(flow.ageMs / 1000)}s`,
      sum(flow.messages),
      bytes(sum(flow.bytes)),
      percent(flow.share),
      flow.mostlyBecause,
      flow.queue.bytes === undefined ? undefined : bytes(flow.queue.bytes),
      bytes(flow.queue.peakBytes),
      flow.queue.delayMs === undefined ? undefined : shortTime(flow.queue.delayMs),
    ]),
  );
}

function allLines(all: readonly ExplainedSocket[]): string {
  return table(
    ['workload', 'program', 'socket', 'local', 'remote', 'state', 'since', 'why'],
    all.map(({ workload, program, pid, fd, local, remote, phase, ageMs, sentences }) => [
      workload,
      program,
      `${pid}:${fd}`,
      local,
      remote,
      phase,
      ageMs === undefined ? undefined : duration(ageMs),
      phase === 'linked' ? sentences[1] : sentences[0],
    ]),
  );
}

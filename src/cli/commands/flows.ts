/** `shunt flows`: promoted connections, one line a direction, with the share that took the fast path and why the rest did not. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Flow } from '../../api/types.ts';
import { type Context, withApi } from '../context.ts';
import { bytes, percent, print, show, table } from '../output.ts';

export interface FlowsOptions {
  /** Print again every second until interrupted. */
  readonly watch?: boolean;
}

const WATCH_INTERVAL_MS = 1000;

export async function flows(context: Context, options: FlowsOptions): Promise<void> {
  await withApi(context.instance, async (api) => {
    do {
      const all = await api.flows();
      if (options.watch && context.output === 'table' && process.stdout.isTTY) print('\u001b[2J\u001b[H');
      show(context.output, all, lines);
      if (options.watch) await delay(WATCH_INTERVAL_MS);
    } while (options.watch);
  });
}

function lines(all: readonly Flow[]): string {
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
  return table(
    ['from', 'to', 'local', 'remote', 'age', 'messages', 'bytes', 'fast path', 'the rest'],
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
    ]),
  );
}

/** `shunt top`: what each pair of workloads sends right now, how much of it is redirected, what the programs cost. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Context, withApi } from '../context.ts';
import { bytes, percent, print, shortTime, show, table } from '../output.ts';
import { type Rates, ratesBetween } from '../rates.ts';

export interface TopOptions {
  /** Seconds between two pictures. */
  readonly interval: number;
  /** How many pictures; absent: until interrupted. */
  readonly count?: number;
}

/** The programs are measured for so much longer than the interval, so that no gap opens between two questions. */
const MARGIN_S = 2;
/** More is refused by the API. */
const COST_SECONDS_MAX = 600;

export async function top(context: Context, { interval, count = Number.POSITIVE_INFINITY }: TopOptions): Promise<void> {
  const costSeconds = Math.min(Math.ceil(interval) + MARGIN_S, COST_SECONDS_MAX);
  await withApi(context.instance, async (api) => {
    let before = await api.pairs(costSeconds);
    for (let shown = 0; shown < count; shown++) {
      await delay(interval * 1000);
      const after = await api.pairs(costSeconds);
      if (context.output === 'table' && process.stdout.isTTY) print('\u001b[2J\u001b[H');
      show(context.output, ratesBetween(before, after), lines);
      before = after;
    }
  });
}

function lines({ pairs, programs }: Rates): string {
  const traffic = table(
    ['from', 'to', 'open', 'messages/s', 'bytes/s', 'fast path', 'the rest', 'queue', 'delay'],
    pairs.map(({ from, to, open, messagesPerSecond, bytesPerSecond, share, mostlyBecause, queuedBytes, delayMs }) => [
      from,
      to,
      open,
      Math.round(messagesPerSecond),
      bytes(Math.round(bytesPerSecond)),
      percent(share),
      mostlyBecause,
      queuedBytes === undefined ? undefined : bytes(queuedBytes),
      delayMs === undefined ? undefined : shortTime(delayMs),
    ]),
  );
  const cost = table(
    ['program', 'runs/s', 'ns/run', 'of a CPU'],
    programs.map(({ name, runsPerSecond, nsPerRun, cpuShare }) => [
      name,
      Math.round(runsPerSecond),
      Math.round(nsPerRun),
      percent(cpuShare),
    ]),
  );
  return `${traffic}\n\n${cost}\n`;
}

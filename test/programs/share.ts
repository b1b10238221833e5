/** From pairs to what the table says of one direction: how much was redirected, and why the rest was not. Pure. */
import type { PairSums } from '../../src/api/types.ts';
import { CLIENT, type Exchanged } from './exchange.ts';

export interface Direction {
  /** Of the bytes that were sent this way, 0 to 1. */
  readonly bytes: number;
  /** Of the messages (what one send(2) handed over) after promotion, 0 to 1. */
  readonly messages: number;
  /** Name of the outcome or of the refusal that accounts for most of the rest; undefined when there is next to none. */
  readonly because: string | undefined;
}

export interface Directions {
  readonly to: Direction;
  readonly from: Direction;
}

/** Less than this share by TCP needs no reason. */
const REST = 0.002;

/** Of the connections that one member made to another. */
export function directionsOf({ report, pairs, counters }: Exchanged, client: string, server: string): Directions {
  const sent = (from: string, to: string): PairSums[] =>
    // Who the peer is stays unknown where it is never promoted; the client talks to nobody else.
    pairs.filter((pair) => pair.from === from && (pair.to === to || (from === CLIENT && pair.to === undefined)));
  const to = sent(client, server);
  const from = sent(server, client);
  const refusal = refusalOf(counters);
  return { to: direction(to, from, report.bytes, refusal), from: direction(from, to, report.bytes, refusal) };
}

function direction(
  pairs: readonly PairSums[],
  opposite: readonly PairSums[],
  sentBytes: number,
  refusal: string | undefined,
): Direction {
  const bytes = sumOf(pairs, 'bytes');
  const messages = sumOf(pairs, 'messages');
  const sent = totalOf(bytes);
  const share = {
    bytes: (bytes.redirected ?? 0) / Math.max(sent, sentBytes, 1),
    messages: (messages.redirected ?? 0) / Math.max(totalOf(messages), 1),
  };
  if (share.bytes >= 1 - REST) return { ...share, because: undefined };
  if (sent >= sentBytes / 2) return { ...share, because: reasonOf(bytes, refusal) };
  // Without a pair the sender is not promoted; what its peer's messages met says why.
  const met = reasonOf(sumOf(opposite, 'bytes'), refusal);
  return { ...share, because: met?.startsWith('reader-') ? met : refusal };
}

function sumOf(pairs: readonly PairSums[], what: 'bytes' | 'messages'): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const pair of pairs) {
    for (const [name, count] of Object.entries(pair[what])) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

const totalOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** A peer that is never promoted at all is met as "unlinked"; the counters know why it is not. */
function reasonOf(bytes: Readonly<Record<string, number>>, refusal: string | undefined): string | undefined {
  const reason = largest(Object.entries(bytes).filter(([name]) => name !== 'redirected'));
  return reason === 'unlinked' ? (refusal ?? reason) : reason;
}

/** What passes for most, and what is said of the peer of one that is refused: the reason only when there is no other. */
const LESSER: readonly string[] = ['refused-waiting', 'refused-peer'];

function refusalOf(counters: Readonly<Record<string, number>>): string | undefined {
  const refusals = Object.entries(counters).filter(([name]) => name.startsWith('refused-'));
  return largest(refusals.filter(([name]) => !LESSER.includes(name))) ?? largest(refusals);
}

function largest(entries: readonly (readonly [string, number])[]): string | undefined {
  return entries.filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a)[0]?.[0];
}

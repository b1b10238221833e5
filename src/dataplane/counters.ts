/** Names of the kernel's counters. */
import { Counter, Outcome } from '../generated/abi.ts';

/** Index in the map `counters` -> name in every output: `messages-redirected`, `bytes-credit`, `connect-captured`, … */
export const COUNTER_NAMES: ReadonlyMap<number, string> = new Map([
  ...outcomes(Counter.MESSAGES, 'messages'),
  ...outcomes(Counter.BYTES, 'bytes'),
  ...Object.entries(Counter)
    .filter(([name]) => !['MESSAGES', 'BYTES', 'COUNT'].includes(name))
    .map(([name, index]) => [index, kebab(name)] as const),
]);

function outcomes(first: number, prefix: string): (readonly [number, string])[] {
  return Object.entries(Outcome)
    .filter(([name]) => name !== 'COUNT')
    .map(([name, outcome]) => [first + outcome, `${prefix}-${kebab(name)}`] as const);
}

function kebab(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

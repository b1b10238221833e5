/** What is explored: the code as it is, the code without one rule, and what the code does not keep. */
import { type Exploration, explore } from './explorer.ts';
import { fastPath, type Invariant } from './model.ts';
import { CODE, type Kind, type Rules, type Scenario } from './rules.ts';
import type { State } from './state.ts';

export interface Case {
  /** A fact. */
  readonly name: string;
  readonly scenario: Scenario;
  /** Other than the code's. */
  readonly rules?: Partial<Rules>;
  /** Default: none, all invariants hold. */
  readonly breaks?: Invariant;
  /** Need not hold here. */
  readonly except?: readonly Invariant[];
}

const SIZE = { messages: 3, messageBytes: 2, credit: 2, bufferBytes: 8 } as const;
const LINKED = { ...SIZE, linked: true } as const;
const GREEDY = { reader: 'edge-greedy', member: 'greedy' } as const;
const BY_EVENT = ['level', 'oneshot', 'poll'] as const satisfies Kind[];
const SAFE: readonly Pick<Scenario, 'reader' | 'member'>[] = [
  ...BY_EVENT.map((reader) => ({ reader })),
  { reader: 'level-drain' },
  GREEDY,
];

/** The code keeps all invariants. */
export const HOLDS: readonly Case[] = [
  ...BY_EVENT.map((reader) => ({
    name: `${reader}: promoted at any moment, paused at any moment`,
    scenario: { ...SIZE, reader, pauses: 1 },
  })),
  ...SAFE.map((reader) => ({
    name: `${reader.reader}: paused and resumed at any moment`,
    scenario: { ...LINKED, ...reader, pauses: 2 },
  })),
  ...SAFE.map((reader) => ({
    name: `${reader.reader}: its workload is paused and resumed at any moment`,
    scenario: { ...LINKED, ...reader, changes: 2 },
  })),
  ...(['POLICY', 'OPTION'] as const).map((standing) => ({
    name: `level: ${standing === 'POLICY' ? 'policy refuses it' : 'an option is set'} at any moment`,
    scenario: { ...SIZE, reader: 'level' as const, changes: 1, standing },
  })),
  ...SAFE.map((reader) => ({
    name: `${reader.reader}: reads one byte at a time`,
    scenario: { ...LINKED, ...reader, bufferBytes: 1 },
  })),
  ...SAFE.map((reader) => ({
    name: `${reader.reader}: the sender closes its half`,
    scenario: { ...LINKED, ...reader, end: 'half-close' as const },
  })),
  ...SAFE.map((reader) => ({
    name: `${reader.reader}: the sender resets`,
    scenario: { ...LINKED, ...reader, end: 'reset' as const },
  })),
  ...(['edge-greedy', 'edge-short', 'blocking'] as const).map((reader) => ({
    name: `${reader}, not known to be greedy: promoted at any moment, paused at any moment`,
    scenario: { ...SIZE, reader, pauses: 1 },
  })),
  {
    name: 'level, its cgroup says never: promoted at any moment',
    scenario: { ...SIZE, reader: 'level', member: 'never' },
  },
  ...SAFE.map((reader) => ({
    name: `${reader.reader}: TCP's memory is short at any moment`,
    scenario: { ...LINKED, ...reader, credit: 9, memoryShort: true },
  })),
  ...SAFE.map((reader) => ({
    name: `${reader.reader}: any message may be one that goes by TCP to be seen`,
    scenario: { ...LINKED, ...reader, credit: 9, refresh: true },
  })),
  { name: 'level: stops reading', scenario: { ...LINKED, reader: 'level', messages: 4, event: 'reader stops' } },
  {
    name: 'level: stops reading, the kernel counts what is queued',
    scenario: { ...LINKED, reader: 'level', messages: 4, counted: true, event: 'reader stops' },
  },
  {
    name: 'level: stops reading, messages are larger than the credit',
    scenario: { ...LINKED, reader: 'level', messages: 4, credit: 1, event: 'reader stops' },
  },
  { name: 'level: closes', scenario: { ...SIZE, reader: 'level', event: 'reader closes' } },
  { name: 'level: clears O_NONBLOCK', scenario: { ...LINKED, reader: 'level', event: 'reader becomes blocking' } },
  { name: 'poll: clears O_NONBLOCK', scenario: { ...LINKED, reader: 'poll', event: 'reader becomes blocking' } },
];

const FEW = { ...LINKED, reader: 'level' } as const;
const TWO_THREADS = { ...LINKED, reader: 'level', writers: 2, messages: 4, messageBytes: 1, credit: 1 } as const;

/** A rule of the code, switched off, and what happens then. `seen`: on a kernel, not only in the model. */
export const WITHOUT: readonly (Case & {
  readonly rule: keyof Rules;
  readonly breaks: Invariant;
  readonly seen?: string;
})[] = [
  { name: 'redirect before the reader took what came by TCP', rule: 'handover', scenario: FEW, breaks: 'order' },
  {
    name: 'redirect to a reader that is woken by edges and stops at a short read',
    rule: 'edge',
    scenario: { ...LINKED, reader: 'edge-short' },
    breaks: 'stall',
  },
  {
    name: 'redirect to a reader that blocks',
    rule: 'blocking',
    rules: { fresh: false },
    scenario: { ...SIZE, reader: 'blocking' },
    breaks: 'stall',
    seen:
      'Found without `fresh` only, which closes it as well; what remains is that a recv that blocks answers EAGAIN on a reset, ' +
      'which is not modelled.',
  },
  {
    name: 'redirect without end to a reader that stopped',
    rule: 'credit',
    scenario: { ...FEW, event: 'reader stops' },
    breaks: 'bounded',
  },
  {
    name: 'do not look whether it is paused',
    rule: 'pause',
    scenario: { ...FEW, pauses: 1, credit: 9 },
    breaks: 'paused',
  },
  {
    name: 'do not look at members, policy and options again',
    rule: 'epoch',
    scenario: { ...FEW, changes: 1, credit: 9 },
    breaks: 'paused',
  },
  { name: 'delete the key of a socket that lives', rule: 'liveKeys', scenario: FEW, breaks: 'lost' },
  {
    name: 'redirected bytes fill the reader’s receive buffer, what comes by TCP is dropped, and reading makes no window update',
    rule: 'receiveBuffer',
    scenario: { ...FEW, messages: 4, credit: 4, receiveBuffer: 2 },
    breaks: 'late',
    seen:
      'Kernel 6.18, SO_RCVBUF of 64 KiB, credit 256 KiB: a reader that stopped for 7 s gets the last 16 KiB 6.3 s after it reads ' +
      'again; by TCP alone at once. The same without SO_RCVBUF where `net.ipv4.tcp_rmem` ends below the credit.',
  },
  ...[...BY_EVENT, 'level-drain' as const].map((reader) => ({
    name: `${reader}: becomes edge-triggered while redirected bytes are unread`,
    rule: 'oneQueue' as const,
    scenario: { ...LINKED, reader, credit: 9, event: 'reader becomes edge-short' as const },
    breaks: 'stall' as const,
    seen: 'Kernel 6.18, a level-triggered reader that becomes edge-triggered between the two messages: 5 stalls of 5.',
  })),
  ...[{ reader: 'level-drain' } as const, GREEDY].map((reader) => ({
    name: `${reader.reader}: a recv that began before the promotion overtakes`,
    rule: 'fresh' as const,
    scenario: { ...SIZE, ...reader, pauses: 1 },
    breaks: 'order' as const,
    seen: 'Not seen on a kernel: it takes a promotion by a segment without payload, and a fallback, within few instructions.',
  })),
  {
    name: 'two threads write to one socket without a lock of their own',
    rule: 'alone',
    scenario: TWO_THREADS,
    breaks: 'order',
    except: ['bounded', 'paused'],
    seen:
      'Kernel 6.18, four threads, messages of 16 bytes, a credit of 16 or 64 bytes: 6 of 9.3 million messages were overtaken by ' +
      'later ones of their own thread; by TCP alone 0 of 14.4 million.',
  },
];

/** What a rule of the code leaves open. */
export const REMAINS: readonly (Case & { readonly rule: keyof Rules; readonly breaks: Invariant })[] = [
  {
    name: 'level: becomes edge-triggered while redirected bytes are unread, and the credit is used up',
    rule: 'oneQueue',
    scenario: { ...LINKED, reader: 'level', event: 'reader becomes edge-short' },
    breaks: 'stall',
  },
  {
    name: 'level: becomes edge-triggered while redirected bytes are unread, and a pause comes',
    rule: 'oneQueue',
    scenario: { ...LINKED, reader: 'level', credit: 9, pauses: 1, event: 'reader becomes edge-short' },
    breaks: 'stall',
  },
  {
    name: 'two threads that write without a lock exceed the credit',
    rule: 'alone',
    scenario: TWO_THREADS,
    breaks: 'bounded',
  },
];

const MAX_STATES = 5_000_000;
const done = new Map<Case, Map<string, Exploration<State>>>();

/** Remembered: the page and the tests ask for the same. */
export function run(
  tried: Case,
  rules: Partial<Rules> = tried.rules ?? {},
  messages = tried.scenario.messages,
): Exploration<State> {
  const key = JSON.stringify([rules, messages]);
  const before = done.get(tried) ?? new Map<string, Exploration<State>>();
  const found =
    before.get(key) ??
    explore(fastPath({ ...tried.scenario, messages }, { ...CODE, ...rules }, tried.except), MAX_STATES);
  done.set(tried, before.set(key, found));
  return found;
}

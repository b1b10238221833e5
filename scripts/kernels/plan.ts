/** Which test files go into which guest. Pure. */
import { DOCTOR, type KernelResults } from './result.ts';

/** A guest begins no more than this: what it found before it hung is kept, but the file in which it did is lost. */
const GUEST_SECONDS = 600;
/** Of what never ran anywhere. */
const UNKNOWN_SECONDS = 60;

/** About things that happen on two processors at once. They run in turns there, for up to 0.1 s each. */
const OF_TWO_PROCESSORS = new Set([
  'chaos/chaos.test.ts',
  'fastpath/closing.test.ts',
  'fastpath/promotion-race.test.ts',
  'fastpath/race.test.ts',
  'fastpath/receive-buffer.test.ts',
  'fastpath/threads.test.ts',
]);

export interface Guest {
  readonly files: readonly string[];
  /** One, where that is enough: programs of several threads, like Node, wait for one another's turns on two (2 to 8 times slower). */
  readonly processors: 1 | 2;
}

export interface Arguments {
  readonly kernels: readonly string[];
  /** Parts of names of test files, as vitest takes them; none: all. */
  readonly filters: readonly string[];
  /** For vitest: they may leave out tests of a file, so nothing is kept. */
  readonly options: readonly string[];
  readonly onlyMissing: boolean;
  /** Only the page is written. */
  readonly onlyPage: boolean;
}

/** All behind the first word that vitest would take for an option is for vitest. */
export function parseArguments(args: readonly string[], kernels: readonly string[]): Arguments {
  const ours = new Set(['--missing', '--page']);
  const at = args.findIndex((arg) => arg.startsWith('-') && !ours.has(arg));
  const words = at < 0 ? args : args.slice(0, at);
  const named = words.filter((word) => kernels.includes(word));
  return {
    kernels: named.length === 0 ? kernels : kernels.filter((kernel) => named.includes(kernel)),
    filters: words.filter((word) => !kernels.includes(word) && !ours.has(word)),
    options: at < 0 ? [] : args.slice(at),
    onlyMissing: words.includes('--missing'),
    onlyPage: words.includes('--page'),
  };
}

/** The files, and the doctor, that these filters name. */
export function selected(files: readonly string[], filters: readonly string[]): string[] {
  const all = [...files, DOCTOR];
  return filters.length === 0
    ? all
    : all.filter((file) => filters.some((filter) => `test/kernel/${file}`.includes(filter)));
}

/** Guests, one after the other: what was quick on any kernel comes first, so that most is known early. */
export function guestsOf(files: readonly string[], known: readonly KernelResults[]): Guest[] {
  const seconds = (file: string): number => {
    const runs = known.flatMap(({ files: of, doctor }) =>
      file === DOCTOR ? (doctor?.tookMs ?? []) : (of[file]?.seconds ?? []),
    );
    if (runs.length === 0) return UNKNOWN_SECONDS;
    return Math.max(...runs) / (file === DOCTOR ? 1000 : 1);
  };
  const quickFirst = [...files].sort((a, b) => seconds(a) - seconds(b));
  const ofTwo = (file: string): boolean => OF_TWO_PROCESSORS.has(file);
  return [
    ...shared(
      quickFirst.filter((file) => !ofTwo(file)),
      seconds,
      1,
    ),
    ...shared(quickFirst.filter(ofTwo), seconds, 2),
  ];
}

function shared(files: readonly string[], seconds: (file: string) => number, processors: 1 | 2): Guest[] {
  const guests: string[][] = [];
  let left = 0;
  for (const file of files) {
    if (guests.length === 0 || left < seconds(file)) {
      guests.push([]);
      left = GUEST_SECONDS;
    }
    guests.at(-1)?.push(file);
    left -= seconds(file);
  }
  return guests.map((its) => ({ files: its, processors }));
}

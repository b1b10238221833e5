/**
 * Every descriptor that src/bpf holds open (objects, links, maps, rings, locks), so that a test run fails when one leaks
 * (test/support/leaks.ts). Costs an Error at open, nothing at use.
 */

interface Descriptor {
  readonly what: string;
  /** The frame outside src/bpf that opened it. */
  readonly openedAt: string;
}

const open = new Set<Descriptor>();

function caller(): string {
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  return (frames.find((frame) => !frame.includes('/src/bpf/')) ?? 'unknown').trim().replace(/^at /, '');
}

/** Notes an open descriptor. The result forgets it; calling that twice is harmless. */
export function track(what: string): () => void {
  const descriptor = { what, openedAt: caller() };
  open.add(descriptor);
  return () => void open.delete(descriptor);
}

/** One line for each descriptor that is open now: what it is and which line opened it. */
export function openDescriptors(): string[] {
  return [...open].map(({ what, openedAt }) => `${what}, opened at ${openedAt}`);
}

/** @throws Error that lists what is open; forgets them, so that the next check does not report them again. */
export function assertNoLeaks(): void {
  const leaked = openDescriptors();
  open.clear();
  if (leaked.length > 0) throw new Error(`${leaked.length} BPF descriptors leaked:\n  ${leaked.join('\n  ')}`);
}

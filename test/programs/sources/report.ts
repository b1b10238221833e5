/**
 * What every client of this folder, in whatever language, takes and says. `client HOST PORT SIZES`: SIZES are byte counts
 * with commas; each is sent as random bytes and must come back equal, all over one connection. No byte for STALL_MS is a
 * time-out and ends the client. It prints one line, a {@link Report} as JSON, and closes only when its standard input ends:
 * the kernel's record of a flow goes with its socket.
 */
export interface Report {
  readonly exchanges: number;
  /** Sent; as many came back when nothing is wrong. */
  readonly bytes: number;
  readonly wrong: readonly string[];
  readonly timeouts: readonly string[];
}

export const STALL_MS = 10_000;

/** Prints the report and waits for the end of standard input. */
export async function report(result: Report): Promise<void> {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  for await (const _ of process.stdin);
}

export class Stalled extends Error {}

/** Runs `exchange` for each size and compares. It returns what came back, or throws {@link Stalled}. */
export async function exchangeAll(
  sizes: readonly number[],
  exchange: (body: Buffer, index: number) => Promise<Buffer>,
  randomBytes: (size: number) => Buffer,
): Promise<Report> {
  const result = { exchanges: 0, bytes: 0, wrong: [] as string[], timeouts: [] as string[] };
  for (const [index, size] of sizes.entries()) {
    const body = randomBytes(size);
    try {
      const back = await exchange(body, index);
      if (!back.equals(body)) result.wrong.push(`exchange ${index}, ${size} bytes: ${back.length} came back`);
    } catch (error) {
      if (!(error instanceof Stalled)) throw error;
      result.timeouts.push(`exchange ${index}, ${size} bytes: ${error.message}`);
      break;
    }
    result.exchanges += 1;
    result.bytes += size;
  }
  return result;
}

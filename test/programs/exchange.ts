/** One client run against one program, and what the kernel recorded of its connections meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Flow } from '../../src/api/types.ts';
import { SHUNT, type TestMesh } from '../support/mesh.ts';
import type { Report } from './sources/report.ts';
import { MB } from './subject.ts';

const SMALL_BYTES = [1, 100_000, 2, 65_536, 100, 4096, 1400, 16_384] as const;
const ROUNDS = 4;
/** A client gives up by itself when bytes stall; this is for one that does not. */
const CLIENT_MS = 120_000;
const LOOK_EVERY_MS = 100;

/**
 * Small ones first: a program that treats large bodies in another way meets them on a connection that is promoted. Then
 * small ones between large ones, so that one connection changes again and again between both queues.
 */
export function sizesUpTo(largestBytes: number): string {
  const first = SMALL_BYTES.toSorted((a, b) => a - b);
  const rounds = Array.from({ length: ROUNDS }, () => [...SMALL_BYTES, MB]).flat();
  const large = [10 * MB, 100 * MB].filter((bytes) => bytes <= largestBytes);
  return [...first, ...rounds, ...large, ...SMALL_BYTES].join(',');
}

export interface Exchanged {
  readonly report: Report;
  /** As last seen, also of connections that closed meanwhile. */
  readonly flows: readonly Flow[];
  /** How much each of the mesh's counters grew. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Runs the client with `shunt run` until it reported, and ends it. Throws what it printed when it does not report. */
export async function exchange(mesh: TestMesh, command: readonly string[]): Promise<Exchanged> {
  const before = (await mesh.api.status()).counters;
  const old = new Set((await mesh.api.flows()).map(({ cookie }) => cookie));
  const flows = new Map<string, Flow>();
  const look = async (): Promise<void> => {
    for (const flow of await mesh.api.flows()) if (!old.has(flow.cookie)) flows.set(flow.cookie, flow);
  };
  const client = spawn(SHUNT, ['--instance', mesh.instance.name, 'run', '--name', 'client', '--', ...command], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((done) => client.once('close', () => done()));
  try {
    const report = await reportOf(client, look);
    await look();
    const after = (await mesh.api.status()).counters;
    const grown = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
    return {
      report,
      flows: [...flows.values()],
      counters: Object.fromEntries(grown.filter(([, count]) => count !== 0)),
    };
  } finally {
    client.stdin.end();
    await ended;
  }
}

async function reportOf(client: ChildProcess, look: () => Promise<void>): Promise<Report> {
  if (client.stdout === null || client.stderr === null) throw new Error('a piped child has no output');
  let complaints = '';
  client.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  let reported = false;
  const timer = setTimeout(() => client.kill('SIGTERM'), CLIENT_MS);
  const watching = (async () => {
    while (!reported) {
      await look();
      await new Promise((next) => setTimeout(next, LOOK_EVERY_MS));
    }
  })();
  try {
    for await (const line of createInterface(client.stdout)) return JSON.parse(line) as Report;
    throw new Error(`the client ended without a report: ${complaints}`);
  } finally {
    clearTimeout(timer);
    reported = true;
    await watching;
  }
}

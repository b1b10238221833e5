/** One client run against one program, and what the kernel counted of their connections meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { PairSums } from '../../src/api/types.ts';
import { SHUNT, type TestMesh } from '../support/mesh.ts';
import type { Report } from './sources/report.ts';
import { MB } from './subject.ts';

const SMALL_BYTES = [1, 100_000, 2, 65_536, 100, 4096, 1400, 16_384] as const;
const ROUNDS = 4;
/** A client gives up by itself when bytes stall; this is for one that does not. */
const CLIENT_MS = 120_000;
const CLIENT_NAME = 'client';
/** As pairs name it. */
export const CLIENT = `default/${CLIENT_NAME}`;

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
  /** What each pair of members sent, on connections that are closed too, however short they were. */
  readonly pairs: readonly PairSums[];
  /** How much each of the mesh's counters grew. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Runs the client with `shunt run` until it reported, and ends it. Throws what it printed when it does not report. */
export async function exchange(mesh: TestMesh, command: readonly string[]): Promise<Exchanged> {
  const before = (await mesh.api.status()).counters;
  const old = new Map((await mesh.api.pairs()).pairs.map((pair) => [nameOf(pair), pair]));
  const client = spawn(SHUNT, ['--instance', mesh.instance.name, 'run', '--name', CLIENT_NAME, '--', ...command], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<void>((done) => client.once('close', () => done()));
  try {
    const report = await reportOf(client);
    // The client waits: its cgroup, and with it the name of what it sent, is still there.
    const { pairs } = await mesh.api.pairs();
    const after = (await mesh.api.status()).counters;
    const grown = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
    return {
      report,
      pairs: pairs.map((pair) => since(old.get(nameOf(pair)), pair)),
      counters: Object.fromEntries(grown.filter(([, count]) => count !== 0)),
    };
  } finally {
    client.stdin.end();
    await ended;
  }
}

const nameOf = ({ from, to }: PairSums): string => JSON.stringify([from, to]);

function since(before: PairSums | undefined, after: PairSums): PairSums {
  const grown = (what: 'messages' | 'bytes') =>
    Object.fromEntries(Object.entries(after[what]).map(([name, count]) => [name, count - (before?.[what][name] ?? 0)]));
  return { ...after, messages: grown('messages'), bytes: grown('bytes') };
}

async function reportOf(client: ChildProcess): Promise<Report> {
  if (client.stdout === null || client.stderr === null) throw new Error('a piped child has no output');
  let complaints = '';
  client.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const timer = setTimeout(() => client.kill('SIGTERM'), CLIENT_MS);
  try {
    for await (const line of createInterface(client.stdout)) return JSON.parse(line) as Report;
    throw new Error(`the client ended without a report: ${complaints}`);
  } finally {
    clearTimeout(timer);
  }
}

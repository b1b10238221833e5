/** Runs the two programs of native/pingpong against each other, each in its own place, and reads what they report. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Side } from './netns-pair.ts';
import { placed } from './placed-process.ts';

const PROGRAM = join(import.meta.dirname, '../../build/native/pingpong');

export type Mode = 'rr' | 'stream' | 'short';

export type Address =
  | { readonly kind: 'tcp' | 'udp'; readonly ip: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface Place extends Side {
  readonly cpu: number;
}

export interface PeersOptions {
  readonly mode: Mode;
  /** Where the server listens, in its own place; how the client reaches it. */
  readonly address: Address;
  readonly sizeBytes: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly busy: boolean;
  /** The peers' sockets block, so that they are never promoted. Default false. */
  readonly blocking?: boolean;
  /** Mode `short`: requests on each connection. Default 1. */
  readonly requests?: number;
  readonly server: Place;
  readonly client: Place;
}

/** The client's view of request/response; all bytes were checked. */
export interface RoundTrips {
  readonly messages: number;
  readonly p50_ns: number;
  readonly p99_ns: number;
  readonly per_second: number;
  readonly cpu_ns: number;
}

/** The client's view of connections of a few requests each, from connect to the end; all bytes were checked. */
export interface Connections {
  readonly connections: number;
  readonly p50_ns: number;
  readonly p99_ns: number;
  readonly per_second: number;
  readonly cpu_ns: number;
}

/** The client's view of a stream; the server's totals were equal. */
export interface Stream {
  readonly bytes: number;
  readonly bytes_per_second: number;
  readonly cpu_ns: number;
}

/** What both sides report. */
export interface ServerReport {
  /** Time of its processor; of a stream that of the measurement alone, else the warm-up's too. */
  readonly cpu_ns: number;
  readonly messages?: number;
  readonly connections?: number;
}

export interface PeersReport {
  readonly client: RoundTrips | Stream | Connections;
  readonly server: ServerReport;
}

/** Rejects when a peer fails, when a byte was wrong, or when the connection stands still (the peers end themselves). */
export async function runPeers(options: PeersOptions): Promise<PeersReport> {
  if (options.address.kind === 'unix') rmSync(options.address.path, { force: true });
  const server = start('server', options.server, options);
  await server.firstLine;
  const client = start('client', options.client, options);
  try {
    const [clientReport, serverReport] = await Promise.all([client.lastLine, server.lastLine]);
    return {
      client: clientReport as unknown as PeersReport['client'],
      server: serverReport as unknown as ServerReport,
    };
  } catch (error) {
    server.child.kill('SIGKILL');
    client.child.kill('SIGKILL');
    await Promise.allSettled([client.lastLine, server.lastLine]);
    throw error;
  }
}

interface Peer {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** The server's says that it listens. */
  readonly firstLine: Promise<void>;
  readonly lastLine: Promise<Record<string, unknown>>;
}

function start(role: 'server' | 'client', place: Place, options: PeersOptions): Peer {
  const { address } = options;
  const command = [
    ...[PROGRAM, role, '--mode', options.mode, '--size', options.sizeBytes, '--cpu', place.cpu],
    ...['--warm-up-ms', options.warmUpMs, '--duration-ms', options.durationMs],
    ...(address.kind === 'unix' ? ['--unix', address.path] : [`--${address.kind}`, `${address.ip}:${address.port}`]),
    ...(options.requests === undefined ? [] : ['--requests', options.requests]),
    ...(options.busy ? ['--busy'] : []),
    ...(options.blocking === true ? ['--blocking'] : []),
  ].map(String);
  const [program, args] = placed(place, command);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let last = '';
  let errors = '';
  const firstLine = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    last = line;
    firstLine.resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const lastLine = new Promise<Record<string, unknown>>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(last) as Record<string, unknown>);
      else reject(new Error(`${role}: ${errors.trim() || `exit ${code ?? signal}, reported ${last || 'nothing'}`}`));
    });
  });
  lastLine.catch((error: unknown) => firstLine.reject(error));
  firstLine.promise.catch(() => undefined); // whoever awaits it sees the error; the client's nobody awaits
  return { child, firstLine: firstLine.promise, lastLine };
}

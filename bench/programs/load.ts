/** The clients, and what they print: requests a second and the time of the middle one. */
import { executable } from '../../test/programs/subject.ts';
import { LARGE_BYTES } from './server.ts';

export interface LoadResult {
  /** Requests, or transactions, a second. */
  readonly perSecond: number;
  /** Time of the middle one; of pgbench, which does not say it, the mean. */
  readonly p50Us: number;
  /** All of this run, where it is known. */
  readonly requests?: number;
}

export interface Load {
  readonly name: string;
  /** How to run it for about so long. */
  command(ip: string, port: number, durationMs: number): readonly string[];
  /** @throws Error when the output is not what it knows. */
  parse(output: string): LoadResult;
}

const CONNECTIONS = 8;

/** It counts requests, not time: as many as its server would answer in that time on a machine of today. */
export function redisLoad(pipeline: number): Load {
  const perMs = pipeline === 1 ? 40 : 300;
  let requests = 0;
  return {
    name: pipeline === 1 ? 'GET' : `GET, ${pipeline} at once`,
    command: (ip, port, durationMs) => {
      requests = Math.round(durationMs * perMs);
      return [
        executable('redis-benchmark') ?? 'redis-benchmark',
        ...['-h', ip, '-p', `${port}`, '-t', 'get', '-c', `${CONNECTIONS}`, '-P', `${pipeline}`],
        ...['-n', `${requests}`, '--csv'],
      ];
    },
    parse: (output) => {
      // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms",…
      const cells = output
        .split('\n')
        .find((line) => line.startsWith('"GET"'))
        ?.split(',')
        .map((cell) => cell.slice(1, -1));
      return { perSecond: number(cells?.[1], output), p50Us: number(cells?.[4], output) * 1000, requests };
    },
  };
}

const UNIT_US: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

export function wrkLoad(path: 'small' | 'large'): Load {
  return {
    name: path === 'small' ? 'GET of 64 B' : `GET of ${LARGE_BYTES / 1_000_000} MB`,
    command: (ip, port, durationMs) => [
      executable('wrk') ?? 'wrk',
      ...['-t1', `-c${CONNECTIONS}`, `-d${seconds(durationMs)}s`, '--latency', `http://${ip}:${port}/${path}`],
    ],
    parse: (output) => {
      if (/Non-2xx|Socket errors/.test(output)) throw new Error(`wrk saw errors: ${output}`);
      const [, p50, unit = ''] = /^\s*50%\s+([\d.]+)(us|ms|s)$/m.exec(output) ?? [];
      return {
        perSecond: number(/^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1], output),
        p50Us: number(p50, output) * (UNIT_US[unit] ?? Number.NaN),
        requests: number(/^\s*(\d+) requests in /m.exec(output)?.[1], output),
      };
    },
  };
}

export const pgbenchLoad: Load = {
  name: 'pgbench, SELECT alone',
  command: (ip, port, durationMs) => [
    executable('pgbench') ?? 'pgbench',
    ...['-h', ip, '-p', `${port}`, '-U', 'postgres', '-S', '-n', '-c', '4', '-T', `${seconds(durationMs)}`, 'postgres'],
  ],
  parse: (output) => ({
    perSecond: number(/^tps = ([\d.]+)/m.exec(output)?.[1], output),
    p50Us: number(/^latency average = ([\d.]+) ms$/m.exec(output)?.[1], output) * 1000,
    requests: number(/^number of transactions actually processed: (\d+)/m.exec(output)?.[1], output),
  }),
};

/** Fills the tables that {@link pgbenchLoad} asks. */
export const pgbenchPrepare = (ip: string, port: number): readonly string[] => [
  executable('pgbench') ?? 'pgbench',
  ...['-h', ip, '-p', `${port}`, '-U', 'postgres', '-i', '-q', '-s', '1', 'postgres'],
];

function seconds(durationMs: number): number {
  return Math.max(1, Math.round(durationMs / 1000));
}

function number(text: string | undefined, output: string): number {
  const value = Number(text);
  if (text === undefined || !Number.isFinite(value)) throw new Error(`not what was expected: ${output.slice(0, 500)}`);
  return value;
}

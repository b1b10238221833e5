import { firstLine, GREEDY_GO, goProgram, MB, missingExecutable, type Subject } from '../subject.ts';

const common = {
  protocol: 'echo' as const,
  largestBytes: 100 * MB,
  missing: () => missingExecutable('go'),
  version: () => firstLine('go', 'version'),
};

export const goEcho: Subject = {
  ...common,
  name: 'go',
  title: 'Go, MPTCP listener',
  command: ({ port }) => [goProgram(), 'echo', '0.0.0.0', String(port)],
};

/** Go waits edge-triggered, but only after a read that found nothing. */
export const goGreedy: Subject = {
  ...common,
  name: 'go-greedy',
  title: 'Go, in `greedyReaders`',
  command: ({ port }) => [goProgram(GREEDY_GO), 'echo', '0.0.0.0', String(port)],
};

export const goGreedyProxy: Subject = {
  ...common,
  name: 'go-greedy-proxy',
  title: 'Go, io.Copy proxy, in `greedyReaders`',
  command: ({ port, upstream }) => [
    goProgram(GREEDY_GO),
    'proxy',
    '0.0.0.0',
    String(port),
    `${upstream.ip}:${upstream.port}`,
  ],
};

export const goProxy: Subject = {
  ...common,
  name: 'go-proxy',
  title: 'Go, io.Copy proxy',
  command: ({ port, upstream }) => [goProgram(), 'proxy', '0.0.0.0', String(port), `${upstream.ip}:${upstream.port}`],
};

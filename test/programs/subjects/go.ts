import { firstLine, goProgram, MB, missingExecutable, type Subject } from '../subject.ts';

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

export const goProxy: Subject = {
  ...common,
  name: 'go-proxy',
  title: 'Go, io.Copy proxy',
  command: ({ port, upstream }) => [goProgram(), 'proxy', '0.0.0.0', String(port), `${upstream.ip}:${upstream.port}`],
};

import { firstLine, MB, missingExecutable, rustProgram, type Subject } from '../subject.ts';

export const tokioProxy: Subject = {
  name: 'tokio-proxy',
  title: 'tokio, copy_bidirectional proxy',
  protocol: 'echo',
  largestBytes: 100 * MB,
  missing: () => missingExecutable('cargo'),
  version: () => firstLine('rustc', '--version'),
  command: ({ port, upstream }) => [rustProgram(), '0.0.0.0', String(port), `${upstream.ip}:${upstream.port}`],
};

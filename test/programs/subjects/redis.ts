import { firstLine, MB, missingExecutable, type Subject } from '../subject.ts';

export const redis: Subject = {
  name: 'redis',
  title: 'Redis',
  protocol: 'redis',
  largestBytes: 100 * MB,
  missing: () => missingExecutable('redis-server'),
  version: () => firstLine('redis-server', '--version'),
  command: ({ port }) => [
    'redis-server',
    ...['--port', String(port), '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '', '--appendonly', 'no'],
  ],
};

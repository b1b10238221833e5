import { executable, firstLine, MB, missingExecutable, type Subject } from '../subject.ts';

export const memcached: Subject = {
  name: 'memcached',
  title: 'memcached',
  protocol: 'memcached',
  largestBytes: 10 * MB,
  missing: () => missingExecutable('memcached'),
  version: () => firstLine('memcached', '--version'),
  command: ({ port }) => [
    executable('memcached') ?? 'memcached',
    ...['-u', 'root', '-l', '0.0.0.0', '-p', String(port), '-I', '64m', '-m', '512'],
  ],
};

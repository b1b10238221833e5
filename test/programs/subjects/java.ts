import { firstLine, MB, missingExecutable, type Subject, source } from '../subject.ts';

export const javaNio: Subject = {
  name: 'java',
  title: 'Java, NIO selector',
  protocol: 'echo',
  largestBytes: 100 * MB,
  missing: () => missingExecutable('java', 'javac'),
  version: () => firstLine('java', '-version'),
  command: ({ port }) => ['/usr/bin/java', source('java/NioEcho.java'), '0.0.0.0', String(port)],
};

import { readFileSync } from 'node:fs';
import { firstLine, MB, missingExecutable, nettyJars, type Subject, source } from '../subject.ts';

const common = {
  protocol: 'echo' as const,
  largestBytes: 100 * MB,
  version: () => firstLine('java', '-version'),
};

export const javaNio: Subject = {
  ...common,
  name: 'java',
  title: 'Java, NIO selector',
  missing: () => missingExecutable('/usr/bin/java', 'javac'),
  command: ({ port }) => ['/usr/bin/java', source('java/NioEcho.java'), '0.0.0.0', String(port)],
};

export const netty: Subject = {
  ...common,
  name: 'netty',
  title: 'Java, Netty epoll',
  version: () => `Netty ${/<version>([\d.]+)\.Final/.exec(readFileSync(source('netty/pom.xml'), 'utf8'))?.[1]}`,
  missing: () => missingExecutable('/usr/bin/java', 'javac', 'mvn'),
  command: ({ port }) => ['/usr/bin/java', '-cp', nettyJars(), source('netty/NettyEcho.java'), '0.0.0.0', String(port)],
};

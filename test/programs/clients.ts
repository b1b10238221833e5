/** Who talks to the programs. The first of a protocol also goes through Envoy. */
import { type Client, goProgram, missingExecutable, NODE, source } from './subject.ts';

const always = (): undefined => undefined;

function python(name: string, title: string, style: string): Client {
  return {
    name,
    title,
    protocols: ['echo'],
    missing: () => missingExecutable('/usr/bin/python3'),
    command: (_, host, port, sizes) => [
      '/usr/bin/python3',
      source('python/echo.py'),
      ...['client', style, host, String(port), sizes],
    ],
  };
}

function go(name: string, title: string, mode: string): Client {
  return {
    name,
    title,
    protocols: ['echo'],
    missing: () => missingExecutable('go'),
    command: (_, host, port, sizes) => [goProgram(), mode, host, String(port), sizes],
  };
}

export const CLIENTS: readonly Client[] = [
  {
    name: 'node',
    title: 'Node',
    protocols: ['echo', 'http', 'redis', 'memcached'],
    missing: always,
    command: (protocol, host, port, sizes) => {
      const keyed = protocol === 'redis' || protocol === 'memcached';
      const program = keyed ? [source('keyed-client.ts'), protocol] : [source(`${protocol}-client.ts`)];
      return [NODE, ...program, host, String(port), sizes];
    },
  },
  {
    name: 'psql',
    title: 'psql',
    protocols: ['postgres'],
    missing: () => missingExecutable('psql'),
    command: (_, host, port, sizes) => [NODE, source('psql-client.ts'), host, String(port), sizes],
  },
  {
    name: 'curl',
    title: 'curl',
    protocols: ['http'],
    missing: () => missingExecutable('curl'),
    command: (_, host, port, sizes) => [NODE, source('curl-client.ts'), host, String(port), sizes],
  },
  go('go', 'Go', 'client'),
  go('go-mptcp', 'Go, MPTCP', 'client-mptcp'),
  python('python', 'Python, blocking', 'blocking'),
  python('python-timeout', 'Python, settimeout', 'timeout'),
  python('asyncio', 'Python, asyncio', 'asyncio'),
];

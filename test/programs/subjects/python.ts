import { firstLine, MB, missingExecutable, type Subject, source } from '../subject.ts';

function python(name: string, title: string, style: string): Subject {
  return {
    name,
    title,
    protocol: 'echo',
    largestBytes: 10 * MB,
    missing: () => missingExecutable('/usr/bin/python3'),
    version: () => firstLine('/usr/bin/python3', '--version'),
    command: ({ port }) => ['/usr/bin/python3', source('python/echo.py'), 'server', style, '0.0.0.0', String(port)],
  };
}

export const pythonBlocking = python('python', 'Python, blocking', 'blocking');
export const pythonAsyncio = python('asyncio', 'Python, asyncio', 'asyncio');

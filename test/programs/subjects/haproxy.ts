import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { executable, firstLine, MB, missingExecutable, type Place, type Subject } from '../subject.ts';

/** splice-auto decides by how much one recv(2) gave; the two other options splice whenever it is possible. */
const configuration = ({ port, upstream }: Place, option: string): string => `
global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  ${option}
listen echo
  bind 0.0.0.0:${port}
  server upstream ${upstream.ip}:${upstream.port}
`;

function haproxy(name: string, title: string, option: string): Subject {
  return {
    name,
    title,
    protocol: 'echo',
    largestBytes: 100 * MB,
    missing: () => missingExecutable('haproxy'),
    version: () => firstLine('haproxy', '-v'),
    prepare: (place) => writeFileSync(join(place.dir, 'haproxy.cfg'), configuration(place, option)),
    command: ({ dir }) => [executable('haproxy') ?? 'haproxy', '-db', '-f', join(dir, 'haproxy.cfg')],
  };
}

const always = 'option splice-request\n  option splice-response';

export const haproxyAlways = haproxy('haproxy-always', 'HAProxy, splice-request and -response', always);

export const haproxySplice = haproxy('haproxy', 'HAProxy, splice-auto', 'option splice-auto');

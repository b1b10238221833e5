import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { executable, firstLine, MB, missingExecutable, type Place, type Subject } from '../subject.ts';

/** Files by its DAV module: it receives into a temporary file and sends with sendfile(2), edge-triggered. */
const configuration = ({ dir, port }: Place): string => `
user root;
daemon off;
worker_processes 1;
pid ${dir}/pid;
error_log stderr;
events { worker_connections 256; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 10000;
  client_max_body_size 0;
  client_body_temp_path ${dir}/body;
  server {
    listen ${port};
    root ${dir}/files;
    location / { dav_methods PUT; }
  }
}
`;

export const nginx: Subject = {
  name: 'nginx',
  title: 'nginx, PUT and sendfile',
  protocol: 'http',
  largestBytes: 100 * MB,
  missing: () => missingExecutable('nginx'),
  version: () => firstLine('nginx', '-v'),
  prepare(place) {
    mkdirSync(join(place.dir, 'files'));
    writeFileSync(join(place.dir, 'nginx.conf'), configuration(place));
  },
  command: ({ dir }) => [executable('nginx') ?? 'nginx', '-p', dir, '-c', join(dir, 'nginx.conf')],
};

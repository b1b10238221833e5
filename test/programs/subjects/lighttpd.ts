import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { executable, firstLine, MB, missingExecutable, type Place, type Subject } from '../subject.ts';

/** Files by its WebDAV module; it asks FIONREAD how much there is to read. */
const configuration = ({ dir, port }: Place): string => `
server.modules = ("mod_webdav")
server.port = ${port}
server.document-root = "${dir}/files"
server.upload-dirs = ("${dir}/uploads")
server.errorlog = "/dev/stderr"
server.max-keep-alive-requests = 10000
webdav.activate = "enable"
`;

export const lighttpd: Subject = {
  name: 'lighttpd',
  title: 'lighttpd, WebDAV',
  protocol: 'http',
  largestBytes: 100 * MB,
  missing: () => missingExecutable('lighttpd', '/usr/lib/lighttpd/mod_webdav.so'),
  version: () => firstLine('lighttpd', '-v'),
  prepare(place) {
    for (const name of ['files', 'uploads']) mkdirSync(join(place.dir, name));
    writeFileSync(join(place.dir, 'lighttpd.conf'), configuration(place));
  },
  command: ({ dir }) => [executable('lighttpd') ?? 'lighttpd', '-D', '-f', join(dir, 'lighttpd.conf')],
};

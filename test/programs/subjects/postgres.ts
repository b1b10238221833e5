import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { firstLine, MB, missingExecutable, type Subject } from '../subject.ts';

/** Where Debian puts each version's programs. */
const VERSIONS = '/usr/lib/postgresql';

function program(name: string): string {
  const newest = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort().at(-1) : undefined;
  return join(VERSIONS, newest ?? '', 'bin', name);
}

const asPostgres = (...command: readonly string[]): Buffer =>
  execFileSync('setpriv', ['--reuid=postgres', '--regid=postgres', '--init-groups', ...command], { stdio: 'pipe' });

export const postgres: Subject = {
  name: 'postgres',
  title: 'PostgreSQL',
  protocol: 'postgres',
  largestBytes: 10 * MB,
  user: 'postgres',
  missing: () => missingExecutable(program('postgres')),
  version: () => firstLine(program('postgres'), '--version'),
  prepare({ dir }) {
    const owner = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
    chownSync(dir, owner, -1);
    const data = join(dir, 'data');
    asPostgres(program('initdb'), '--auth=trust', '--no-sync', '--encoding=LATIN1', '--locale=C', '-D', data);
    appendFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n');
  },
  command: ({ dir, port }) => [
    program('postgres'),
    ...['-D', join(dir, 'data'), '-p', String(port), '-c', 'listen_addresses=0.0.0.0'],
    ...['-c', `unix_socket_directories=${dir}`, '-c', 'fsync=off'],
  ],
};

/** The servers: each listens on all addresses of its namespace. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { executable, missingExecutable, NODE } from '../../test/programs/subject.ts';

export const LARGE_BYTES = 1_000_000;

export interface Server {
  readonly name: string;
  /** Each has its own: they run side by side. */
  readonly port: number;
  /** It waits edge-triggered and reads until EAGAIN: its cgroup is a member as if `greedyReaders` named it. Default false. */
  readonly isGreedy?: boolean;
  /** Why it cannot run on this machine; undefined: it can. */
  missing(): string | undefined;
  /** Writes what it needs into its folder, and says how it is started. */
  command(directory: string): readonly string[];
}

export const redis: Server = {
  name: 'Redis',
  port: 9500,
  missing: () => missingExecutable('redis-server', 'redis-benchmark'),
  command: (dir) => [
    executable('redis-server') ?? 'redis-server',
    ...['--port', `${redis.port}`, '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '', '--dir', dir],
  ],
};

/** Serves /small of 64 bytes and /large of a megabyte with sendfile(2). It waits edge-triggered, so it is never promoted. */
export const nginx: Server = {
  name: 'nginx',
  port: 9501,
  missing: () => missingExecutable('nginx', 'wrk'),
  command: (dir) => {
    mkdirSync(join(dir, 'files'));
    writeFiles(join(dir, 'files'));
    writeFileSync(
      join(dir, 'nginx.conf'),
      `user root; daemon off; worker_processes 1; pid ${dir}/pid; error_log stderr;
events { worker_connections 256; }
http {
  access_log off; sendfile on; keepalive_requests 100000000;
  server { listen ${nginx.port}; root ${dir}/files; }
}
`,
    );
    return [executable('nginx') ?? 'nginx', '-p', dir, '-c', join(dir, 'nginx.conf')];
  },
};

export const node: Server = {
  name: 'Node',
  port: 9502,
  missing: () => missingExecutable('wrk'),
  command: (dir) => {
    writeFiles(dir);
    return [NODE, join(import.meta.dirname, 'http-server.ts'), dir, `${node.port}`];
  },
};

/** Built with what the machine has; serves the files with sendfile(2). */
export const go: Server = {
  name: 'Go',
  port: 9503,
  isGreedy: true,
  missing: () => missingExecutable('go', 'wrk'),
  command: (dir) => {
    writeFiles(dir);
    const program = join(dir, 'server');
    execFileSync(executable('go') ?? 'go', ['build', '-o', program, '.'], {
      cwd: join(import.meta.dirname, 'go'),
      env: { ...process.env, CGO_ENABLED: '0' },
      stdio: 'pipe',
    });
    return [program, dir, `${go.port}`];
  },
};

/** Where Debian puts each version's programs. */
const POSTGRES_VERSIONS = '/usr/lib/postgresql';
export function postgresProgram(name: string): string {
  const newest = existsSync(POSTGRES_VERSIONS) ? readdirSync(POSTGRES_VERSIONS).sort().at(-1) : undefined;
  return join(POSTGRES_VERSIONS, newest ?? '', 'bin', name);
}

export const postgres: Server = {
  name: 'PostgreSQL',
  port: 9504,
  missing: () => missingExecutable(postgresProgram('postgres'), 'pgbench'),
  command: (dir) => {
    const owner = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
    chownSync(dir, owner, -1);
    const data = join(dir, 'data');
    const asPostgres = ['--reuid=postgres', '--regid=postgres', '--init-groups'];
    const initdb = [postgresProgram('initdb'), '--auth=trust', '--no-sync', '--locale=C', '-D', data];
    execFileSync('setpriv', [...asPostgres, ...initdb], { stdio: 'pipe' });
    appendFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n');
    return [
      'setpriv',
      ...asPostgres,
      ...[postgresProgram('postgres'), '-D', data, '-p', `${postgres.port}`, '-c', 'listen_addresses=0.0.0.0'],
      ...['-c', `unix_socket_directories=${dir}`, '-c', 'fsync=off'],
    ];
  },
};

function writeFiles(directory: string): void {
  writeFileSync(join(directory, 'small'), Buffer.alloc(64, 's'));
  writeFileSync(join(directory, 'large'), Buffer.alloc(LARGE_BYTES, 'l'));
}

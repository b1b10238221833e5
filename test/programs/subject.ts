/** What a program under test and a client are; one file for each in subjects/, clients together in clients.ts. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/mesh.ts';

/** How bytes get into a program and out of it again. `http`: PUT and GET. `echo`: what is sent comes back. */
export type Protocol = 'echo' | 'http' | 'redis' | 'memcached' | 'postgres';

export interface Place {
  /** A folder of its own, world-writable. */
  readonly dir: string;
  readonly port: number;
  /** An echo server in another workload, for proxies. */
  readonly upstream: { readonly ip: string; readonly port: number };
}

export interface Subject {
  /** A DNS label. */
  readonly name: string;
  /** For people: the program and what matters of how it is set up. */
  readonly title: string;
  readonly protocol: Protocol;
  /** Bytes of the largest exchange. */
  readonly largestBytes: number;
  /** Account to run as. Default root. */
  readonly user?: string;
  /** Why it cannot be tested on this machine; undefined: it can. */
  missing(): string | undefined;
  /** One line. */
  version(): string;
  /** Builds, writes configuration: whatever comes before {@link command}. Called once for each place. */
  prepare?(place: Place): void;
  /** Listens on all addresses of its namespace. */
  command(place: Place): readonly string[];
}

export interface Client {
  readonly name: string;
  readonly title: string;
  readonly protocols: readonly Protocol[];
  missing(): string | undefined;
  /** Takes part as sources/report.ts says. */
  command(protocol: Protocol, host: string, port: number, sizes: string): readonly string[];
}

export const MB = 1_000_000;
export const NODE = join(ROOT, 'node_modules/.bin/node');
const BUILD = join(ROOT, 'build/programs');

export const source = (path: string): string => join(ROOT, 'test/programs/sources', path);

/** The reason why one of these executables is not there, for {@link Subject.missing}. */
export function missingExecutable(...names: readonly string[]): string | undefined {
  const missing = names.filter((name) => executable(name) === undefined);
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/** Its path; undefined when it is nowhere in PATH. */
export function executable(name: string): string | undefined {
  const dirs = `${process.env.PATH}:/usr/sbin:/usr/local/go/bin:${process.env.HOME}/.cargo/bin`.split(':');
  return [name, ...dirs.map((dir) => join(dir, name))].find((path) => path.startsWith('/') && existsSync(path));
}

/** The first line with a word of what a command prints, on either output. */
export function firstLine(command: string, ...args: readonly string[]): string {
  const text = execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', executable(command) ?? command, ...args], {
    encoding: 'utf8',
  });
  return text.split('\n').find((line) => /\w/.test(line)) ?? '';
}

/** Under this name the mesh knows the Go program as a reader that reads until EAGAIN. */
export const GREEDY_GO = 'go-greedy';

/** Compiles into build/programs; the compilers themselves know what is out of date. */
export const goProgram = (name = 'go'): string => {
  const output = join(BUILD, name);
  build('go', ['build', '-o', output, '.'], source('go'), { CGO_ENABLED: '0', GOFLAGS: '-mod=mod' });
  return output;
};

export const rustProgram = (): string => {
  const target = join(BUILD, 'rust');
  build('cargo', ['build', '--quiet', '--release', '--locked', `--target-dir=${target}`], source('rust'));
  return join(target, 'release/programs');
};

/** The class path of Netty, from Maven Central. */
export const nettyJars = (): string => {
  const output = join(BUILD, 'netty');
  // Maven asks the network each time
  if (!existsSync(output)) {
    build('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${output}`], source('netty'));
  }
  return join(output, '*');
};

function build(command: string, args: readonly string[], cwd: string, env: Record<string, string> = {}): void {
  mkdirSync(BUILD, { recursive: true });
  execFileSync(executable(command) ?? command, args, { cwd, env: { ...process.env, ...env }, stdio: 'pipe' });
}

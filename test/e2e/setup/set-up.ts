/** Runs scripts/setup on this machine with something taken away: in mount and network namespaces, not by mocks. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The checkout that the tests run from; `npm test` has just set it up. */
export const checkout = join(import.meta.dirname, '../../..');

export interface Outcome {
  status: number | null;
  stdout: string;
  /** Standard error, line by line. */
  lines: string[];
  durationMs: number;
}

export interface SetUpOptions {
  /** The checkout to set up. */
  directory: string;
  /** Shell commands that take something away; they run in the private mount namespace, before the set-up. */
  before?: string;
  /** Without any network. */
  offline?: boolean;
  /** Run by nobody instead of root. */
  unprivileged?: boolean;
  environment?: NodeJS.ProcessEnv;
}

/** Whatever `before` mounts or unmounts is seen by this one run alone and gone after it. */
export function setUp({ directory, before = '', offline, unprivileged, environment = {} }: SetUpOptions): Outcome {
  const drop = unprivileged ? 'setpriv --reuid=65534 --regid=65534 --clear-groups ' : '';
  const startMs = performance.now();
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['--mount', ...(offline ? ['--net'] : []), 'sh', '-ec', `${before}\nexec ${drop}"$0/scripts/setup"`, directory],
    { encoding: 'utf8', env: { ...process.env, ...environment }, timeout: 120_000 },
  );
  const durationMs = performance.now() - startMs;
  return { status, stdout, lines: stderr.split('\n').filter((line) => line !== ''), durationMs };
}

export interface Copy extends Disposable {
  directory: string;
}

/** A checkout with nothing installed and nothing to build: only what the set-up script reads. */
export function bareCopy(): Copy {
  const directory = mkdtempSync(join(tmpdir(), 'shunt-setup-test-'));
  chmodSync(directory, 0o755);
  const files = [
    'package.json',
    'package-lock.json',
    '.npmrc',
    ...globSync('filters/*/package.json', { cwd: checkout }),
  ];
  for (const file of [...files, ...globSync('scripts/setup*', { cwd: checkout })]) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    cpSync(join(checkout, file), join(directory, file));
  }
  writeFileSync(join(directory, 'scripts/build'), '#!/bin/sh\n', { mode: 0o755 });
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

/** For {@link SetUpOptions.before}: gives a bare copy this checkout's npm packages, without copying half a gigabyte. */
export function withNpmPackages(directory: string): string {
  return `mkdir ${directory}/node_modules && mount --bind ${checkout}/node_modules ${directory}/node_modules`;
}

/** The tests of Go's standard library that open TCP connections. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Reader } from '../../src/generated/abi.ts';
import { patient } from '../support/patience.ts';
import type { Result, Results, Suite, Through } from './suite.ts';

const PACKAGES = ['net', 'net/http', 'net/http/httputil', 'net/rpc', 'net/smtp', 'net/textproto', 'crypto/tls'];

interface Event {
  readonly Action: string;
  readonly Package: string;
  readonly Test?: string;
}

const RESULTS: Readonly<Record<string, Result>> = { pass: 'passed', fail: 'failed', skip: 'skipped' };

const go = (...args: readonly string[]) => spawnSync('go', args, { encoding: 'utf8' });

const quote = (argument: string): string => `'${argument}'`;

export const GO: Suite = {
  title: 'Go',
  reader: Reader.GREEDY,

  missing() {
    if (go('version').error !== undefined) return 'not installed: go';
    return existsSync(join(go('env', 'GOROOT').stdout.trim(), 'src/net/net_test.go'))
      ? undefined
      : 'this Go has no tests of its library: apt-get install golang-src';
  },

  version: () => go('version').stdout.trim().replace('go version go', 'Go '),

  run(through: Through, _dir: string, packages = PACKAGES): Results {
    // -exec: Go compiles where it always does, and only the tests themselves go through
    const args = ['test', '-json', '-short', '-count=1', '-p=1', `-exec=${through.map(quote).join(' ')}`, ...packages];
    const { stdout, stderr } = spawnSync('go', args, {
      encoding: 'utf8',
      timeout: patient(1_200_000),
      maxBuffer: 2 ** 30,
    });
    const results = new Map<string, Result>();
    for (const line of stdout.split('\n').filter((text) => text.startsWith('{'))) {
      const { Action, Package, Test } = JSON.parse(line) as Event;
      const result = RESULTS[Action];
      if (Test !== undefined && result !== undefined) results.set(`${Package}.${Test}`, result);
    }
    if (results.size === 0) throw new Error(`Go's tests said nothing:\n${stderr.slice(-2000)}`);
    return results;
  },

  moduleOf: (test) =>
    PACKAGES.filter((name) => test.startsWith(`${name}.`)).sort((a, b) => b.length - a.length)[0] ?? '',
};

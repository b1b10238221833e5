/** CPython's own tests of sockets, select, asyncio and of the libraries above them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DOMParser } from 'linkedom';
import { Reader } from '../../src/generated/abi.ts';
import { patient } from '../support/patience.ts';
import type { Result, Results, Suite, Through } from './suite.ts';

const PYTHON = '/usr/bin/python3';

const MODULES = [
  ...['socket', 'selectors', 'select', 'poll', 'epoll', 'ssl', 'asyncore', 'asynchat', 'ftplib', 'smtplib', 'poplib'],
  ...['imaplib', 'nntplib', 'telnetlib', 'httplib', 'httpservers', 'urllib2_localnet', 'xmlrpc', 'wsgiref'],
  ...['events', 'server', 'streams', 'sendfile', 'sock_lowlevel', 'buffered_proto', 'ssl', 'sslproto'].map(
    (name) => `asyncio.test_${name}`,
  ),
].map((name) => `test_${name}`);

/** What is asked of an element of the report. */
interface TestCase {
  querySelector(selector: string): unknown;
}

/** The folder of the package `test`, whose modules Debian packs apart from Python. */
function folder(): string | undefined {
  const { stdout } = spawnSync(PYTHON, ['-c', 'import test; print(test.__path__[0])'], { encoding: 'utf8' });
  return stdout ? stdout.trim() : undefined;
}

const fileOf = (module: string): string => `${module.replaceAll('.', '/')}.py`;

function resultOf(testcase: TestCase): Result {
  if (testcase.querySelector('failure, error') !== null) return 'failed';
  return testcase.querySelector('skipped') === null ? 'passed' : 'skipped';
}

export const CPYTHON: Suite = {
  title: 'CPython',
  reader: Reader.AUTO,

  missing() {
    const at = folder();
    if (at !== undefined && existsSync(join(at, 'test_socket.py'))) return undefined;
    return `no tests at ${PYTHON}: apt-get install libpython3-testsuite`;
  },

  version: () => spawnSync(PYTHON, ['--version'], { encoding: 'utf8' }).stdout.trim(),

  run(through: Through, dir: string, modules = MODULES): Results {
    const report = join(dir, 'report.xml');
    const at = folder() ?? '';
    const [command = '', ...args] = [...through, PYTHON, '-m', 'test', '--timeout', '120', '--junit-xml', report];
    const known = modules.filter((module) => existsSync(join(at, fileOf(module))));
    const { stdout, stderr } = spawnSync(command, [...args, ...known], {
      cwd: dir,
      encoding: 'utf8',
      timeout: patient(1_200_000),
      maxBuffer: 2 ** 28,
    });
    if (!existsSync(report)) throw new Error(`CPython's tests wrote no report:\n${stdout.slice(-2000)}${stderr}`);
    const cases = [
      ...new DOMParser().parseFromString(readFileSync(report, 'utf8'), 'text/xml').querySelectorAll('testcase'),
    ];
    return new Map(cases.map((testcase) => [testcase.getAttribute('name') ?? '', resultOf(testcase)]));
  },

  moduleOf: (test) => MODULES.find((module) => test.startsWith(`test.${module}.`)) ?? test,
};

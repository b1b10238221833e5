import { expect, test } from 'vitest';
import type { Workload } from '../../../src/config/model.ts';
import { readerClass, spliceOf } from '../../../src/workload/readers.ts';
import { TEST_MESH, testWorkload } from '../../support/topology.ts';

const WORKLOAD = testWorkload('default/web');
const MESH = { ...TEST_MESH, fastPath: { ...TEST_MESH.fastPath, greedyReaders: ['myproxy'] } };

function classOf(fastPath: Workload['fastPath'], program?: string): string {
  return readerClass(MESH, { ...WORKLOAD, fastPath }, program === undefined ? undefined : [program, 'argument']);
}

test.each([
  [undefined, 'AUTO'],
  ['nginx', 'AUTO'],
  ['node', 'AUTO'],
  ['/opt/envoy-1.40/bin/envoy', 'GREEDY'],
  ['myproxy', 'GREEDY'],
  ['/usr/sbin/haproxy', 'AUTO'],
  ['/lib/systemd/systemd-socket-proxyd', 'NEVER'],
])('program %s is %s', (program, reader) => {
  expect(classOf('auto', program)).toBe(reader);
});

test.each([
  [['sh', '-c', 'exec /lib/systemd/systemd-socket-proxyd x'], 'NEVER'],
  [['sh', '-c', 'sleep 1;systemd-socket-proxyd'], 'NEVER'],
  [['systemd-socket-activate', '--listen=80', '/lib/systemd/systemd-socket-proxyd', 'x:1'], 'NEVER'],
  [['node', 'systemd-socket-proxyd.js'], 'AUTO'],
  [['node', '--url=http://systemd-socket-proxyd-stats/'], 'AUTO'],
] as const)('a program that cannot do without splice is known inside of a command: %j is %s', (command, reader) => {
  expect(readerClass(MESH, WORKLOAD, command)).toBe(reader);
});

test('what the workload says comes before what its program is known for', () => {
  expect(classOf('off', 'envoy')).toBe('OFF');
  expect(classOf('sender-only', 'envoy')).toBe('NEVER');
  expect(classOf('off', 'systemd-socket-proxyd')).toBe('OFF');
});

test('nobody is promoted in a mesh without the fast path', () => {
  const mesh = { ...MESH, fastPath: { ...MESH.fastPath, enabled: false } };
  expect(readerClass(mesh, WORKLOAD, ['envoy'])).toBe('OFF');
});

test('splice(2) is refused to whom may be redirected to, and to nobody else', () => {
  for (const fastPath of ['auto', 'sender-only', 'off'] as const) {
    for (const program of ['nginx', 'envoy', 'systemd-socket-proxyd']) {
      const workload = { ...WORKLOAD, fastPath };
      const mayBeRedirectedTo = ['AUTO', 'GREEDY'].includes(readerClass(MESH, workload, [program]));
      expect([program, fastPath, spliceOf(workload, [program])]).toEqual([
        program,
        fastPath,
        mayBeRedirectedTo ? 'refused' : 'allowed',
      ]);
    }
  }
});

import { expect, test } from 'vitest';
import type { Workload } from '../../../src/config/model.ts';
import { readerClass } from '../../../src/workload/readers.ts';
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
  ['/usr/sbin/haproxy', 'NEVER'],
])('program %s is %s', (program, reader) => {
  expect(classOf('auto', program)).toBe(reader);
});

test.each([
  [['sh', '-c', 'exec /usr/sbin/haproxy -f x'], 'NEVER'],
  [['sh', '-c', 'sleep 1;haproxy'], 'NEVER'],
  [['env', 'A=b', 'haproxy'], 'NEVER'],
  [['node', 'haproxy.js'], 'AUTO'],
  [['node', '--url=http://haproxy-stats/'], 'AUTO'],
] as const)('a program that splices is known inside of a command: %j is %s', (command, reader) => {
  expect(readerClass(MESH, WORKLOAD, command)).toBe(reader);
});

test('what the workload says comes before what its program is known for', () => {
  expect(classOf('off', 'envoy')).toBe('OFF');
  expect(classOf('sender-only', 'envoy')).toBe('NEVER');
  expect(classOf('off', 'haproxy')).toBe('OFF');
});

test('nobody is promoted in a mesh without the fast path', () => {
  const mesh = { ...MESH, fastPath: { ...MESH.fastPath, enabled: false } };
  expect(readerClass(mesh, WORKLOAD, ['envoy'])).toBe('OFF');
});

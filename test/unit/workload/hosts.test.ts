import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { instance } from '../../../src/instance.ts';
import { hostsFile, hostsText, publishHosts, resolvConfFile } from '../../../src/workload/hosts.ts';
import { testTopology } from '../../support/topology.ts';

const TOPOLOGY = testTopology({
  workloads: ['default/web', 'shop/api'],
  services: [
    { key: 'default/db', ports: [] },
    { key: 'shop/db', ports: [] },
  ],
});

test('a bare name means the Service of one’s own namespace, and names of the node come last', () => {
  expect(hostsText(TOPOLOGY, 'shop', '192.0.2.7 printer\n')).toBe(
    [
      '127.0.0.1 localhost',
      '::1 localhost ip6-localhost ip6-loopback',
      '10.97.0.1 db.default db.default.svc db.default.svc.cluster.local',
      '10.97.0.2 db db.shop db.shop.svc db.shop.svc.cluster.local',
      '192.0.2.7 printer',
      '',
    ].join('\n'),
  );
});

test('a change keeps the file, because workloads have it mounted, and no change does not touch it', () => {
  const runDir = mkdtempSync(join(tmpdir(), 'shunt-hosts-'));
  try {
    const inst = { ...instance('test', '/cg'), runDir };
    const files = ['default', 'shop'].map((namespace) => hostsFile(inst, namespace));
    expect(publishHosts(inst, TOPOLOGY, '')).toEqual([resolvConfFile(inst), ...files]);
    const inodes = files.map((file) => statSync(file).ino);
    expect(publishHosts(inst, TOPOLOGY, '')).toEqual([]);

    const fewer = testTopology({ workloads: ['default/web', 'shop/api'] });
    expect(publishHosts(inst, fewer, '')).toEqual(files);
    expect(files.map((file) => statSync(file).ino)).toEqual(inodes);
    expect(readFileSync(hostsFile(inst, 'shop'), 'utf8')).toBe(hostsText(fewer, 'shop'));
  } finally {
    rmSync(runDir, { recursive: true, force: true });
  }
});

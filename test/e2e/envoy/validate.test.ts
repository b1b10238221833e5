import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { ServicePort } from '../../../src/config/model.ts';
import { instance } from '../../../src/instance.ts';
import { envoyBootstrap } from '../../../src/proxy/envoy/bootstrap.ts';
import { xdsFile } from '../../../src/proxy/envoy/config-source.ts';
import { xdsTexts } from '../../../src/proxy/envoy/xds.ts';
import { envoyBinary } from '../../../src/supervisor/envoy-binary.ts';
import { testTopology } from '../../support/topology.ts';

const PORTS: ServicePort[] = (['http', 'http2', 'tcp'] as const).map((protocol, index) => ({
  name: protocol,
  port: 80 + index,
  targetPort: 8080 + index,
  protocol,
}));
const TOPOLOGY = testTopology({
  workloads: ['default/api1', 'default/api2', 'default/web'],
  services: [
    { key: 'default/api', ports: PORTS },
    { key: 'default/none', ports: PORTS },
  ],
});

/** Envoy does not look at files of xDS in this mode, so what they hold becomes static. */
function validate(change: (text: string) => string = (text) => text): string {
  const dir = mkdtempSync(join(tmpdir(), 'shunt-validate-'));
  try {
    const inst = { ...instance('validate'), xdsDir: dir };
    const { dynamic_resources: _, ...bootstrap } = JSON.parse(envoyBootstrap(inst));
    const texts = xdsTexts(inst, TOPOLOGY, { authzModule: '/nonexistent.wasm', accessLog: '/tmp/access.log' });
    const resources = (text: string): unknown[] =>
      JSON.parse(change(text)).resources.map(({ '@type': _type, ...resource }: Record<string, unknown>) => resource);
    const statics = { clusters: resources(texts.cds), listeners: resources(texts.lds) };
    mkdirSync(dirname(xdsFile(inst, 'ecds')));
    writeFileSync(xdsFile(inst, 'ecds'), texts.ecds);
    const file = join(dir, 'envoy.json');
    writeFileSync(file, JSON.stringify({ ...bootstrap, static_resources: statics }));
    const args = ['--mode', 'validate', '--disable-hot-restart', '--log-level', 'error', '-c', file];
    return execFileSync(envoyBinary(), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test('Envoy accepts every listener and cluster that can be generated', () => {
  expect(validate()).toContain('OK');
});

test('and would refuse an unknown field', () => {
  expect(() => validate((text) => text.replace('"normalize_path"', '"normalize_paths"'))).toThrow(/normalize_paths/);
});

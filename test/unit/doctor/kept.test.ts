import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { newReport } from '../../../src/doctor/kept.ts';
import type { Probe } from '../../../src/doctor/probe.ts';

const probe: Probe = {
  id: 'mute',
  title: 'a probe that cannot tell',
  expected: 'yes',
  means: 'nothing',
  staysOff: 'everything',
  kernel: 'every version',
  disables: 'fast-path',
  observe: () => Promise.reject(new Error('busy')),
};

it('keeps no earlier report for one that cannot tell: the next `up` would go by what was just doubted', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'shunt-kept-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'doctor.json');
  writeFileSync(file, '{"findings":[]}');
  // Without privileges the lab cannot be made, which tells as little.
  await newReport({ probes: [probe], file });
  expect(existsSync(file)).toBe(false);
});

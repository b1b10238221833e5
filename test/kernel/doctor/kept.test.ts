import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { currentReport, newReport } from '../../../src/doctor/kept.ts';
import type { Probe, Report } from '../../../src/doctor/probe.ts';

let directory: string;
let file: string;
let asked: number;
let answer: () => string;

const probe: Probe = {
  id: 'counted',
  title: 'a probe that counts',
  expected: 'yes',
  means: 'it was asked',
  staysOff: 'nothing',
  kernel: 'every version',
  disables: 'fast-path',
  observe: async () => {
    asked++;
    return answer();
  },
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shunt-kept-'));
  file = join(directory, 'run', 'doctor.json');
  asked = 0;
  answer = () => 'yes';
});
afterEach(() => rmSync(directory, { recursive: true }));

it('asks once, and keeps the answer for its owner alone', async () => {
  const first = await currentReport({ probes: [probe], file });
  expect(await currentReport({ probes: [probe], file })).toEqual(first);
  expect(asked).toBe(1);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it.each([
  ['another kernel', (report: Report) => ({ ...report, kernel: '5.10.0' })],
  ['another boot', (report: Report) => ({ ...report, boot: 'before' })],
  ['another build', (report: Report) => ({ ...report, build: '0123456789abcdef' })],
])('asks again after %s was examined', async (_, change) => {
  const first = await currentReport({ probes: [probe], file });
  writeFileSync(file, JSON.stringify(change(first)));
  expect((await currentReport({ probes: [probe], file })).build).toBe(first.build);
  expect(asked).toBe(2);
});

it('asks again when a probe expects something else', async () => {
  await currentReport({ probes: [probe], file });
  await currentReport({ probes: [{ ...probe, expected: 'no' }], file });
  expect(asked).toBe(2);
});

it.each(['', '{', 'null', '[]', '{"findings":{}}'])('asks again when the file holds %j', async (text) => {
  await currentReport({ probes: [probe], file });
  writeFileSync(file, text);
  await currentReport({ probes: [probe], file });
  expect(asked).toBe(2);
});

it('keeps what is unsupported too', async () => {
  answer = () => 'no';
  await currentReport({ probes: [probe], file });
  expect((await currentReport({ probes: [probe], file })).findings[0]?.verdict).toBe('unsupported');
  expect(asked).toBe(1);
});

it('keeps nothing that could not tell whether the fast path may be armed', async () => {
  answer = () => {
    throw new Error('busy');
  };
  await currentReport({ probes: [probe], file });
  expect(() => readFileSync(file)).toThrow('ENOENT');
});

it('keeps what keeps the fast path off for good, whatever else could not be told', async () => {
  answer = () => 'no';
  const mute = { ...probe, id: 'mute', observe: () => Promise.reject(new Error('busy')) };
  await currentReport({ probes: [probe, mute], file });
  await currentReport({ probes: [probe, mute], file });
  expect(asked).toBe(1);
});

it('looks again when told to', async () => {
  await currentReport({ probes: [probe], file });
  await newReport({ probes: [probe], file });
  expect(asked).toBe(2);
});

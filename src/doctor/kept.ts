/** What a doctor found out stays true until the next boot or build: it is kept, so that `up` asks once. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { bootId, buildHash, THIS_BUILD } from './build.ts';
import { type DoctorOptions, examine } from './doctor.ts';
import { obstacles, type Report } from './probe.ts';
import { PROBES } from './probes.ts';

/** With the build that it is about: on the machine itself `down` leaves nothing. */
export const KEPT_FILE = join(import.meta.dirname, '../../build/doctor.json');

export interface KeptOptions extends DoctorOptions {
  /** Default: {@link KEPT_FILE}. */
  readonly file?: string;
}

/**
 * The kept report when kernel and build are those that it is about, else a new one, which is kept. Nothing is kept that
 * could not tell whether the fast path may be armed: the next call looks again. @throws as {@link examine}.
 */
export async function currentReport(options: KeptOptions = {}): Promise<Report> {
  const { file = KEPT_FILE, build = THIS_BUILD, probes = PROBES } = options;
  const kept = read(file);
  const isCurrent = kept?.kernel === release() && kept.boot === bootId() && kept.build === buildHash(build, probes);
  if (kept !== undefined && isCurrent) return kept;
  return await newReport(options);
}

/** As {@link currentReport}, but looks in any case; an earlier report that could tell is not kept for one that cannot. */
export async function newReport(options: KeptOptions = {}): Promise<Report> {
  const report = await examine(options);
  const verdicts = obstacles(report).map(({ verdict }) => verdict);
  const { file = KEPT_FILE } = options;
  if (verdicts.length === 0 || verdicts.includes('unsupported')) keep(file, report);
  else rmSync(file, { force: true });
  return report;
}

/** Mode 0600, replaced by rename: who could write it could arm what this kernel breaks. */
function keep(file: string, report: Report): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(report)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}

/** Undefined also for a file that nobody here wrote. */
function read(file: string): Report | undefined {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Partial<Report> | null;
    return Array.isArray(report?.findings) ? (report as Report) : undefined;
  } catch {
    return undefined;
  }
}

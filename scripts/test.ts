/**
 * `npm test [-- TIER…] [vitest options and filters]`: runs the tiers in order, also after one failed, and ends with
 * one line `N passed, N failed, N skipped`, the sum of all. Exits 1 when a test failed, when a file could not be run, or
 * when no test ran.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { addTotals, closingLine, NO_TESTS, parseTestArguments, type Totals, totalsOf } from './test-totals.ts';

const root = join(import.meta.dirname, '..');
const reports = join(root, 'build/test-reports');

function runTier(tier: string, forwarded: string[]): Totals {
  const report = join(reports, `${tier}.json`);
  rmSync(report, { force: true });
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const { status, signal } = spawnSync(
    process.execPath,
    [
      vitest,
      'run',
      `--project=${tier}`,
      '--passWithNoTests',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...forwarded,
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      // a root shell from plain `su` has no sbin, where ip, bpftool and nginx live
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    },
  );
  let json: string | undefined;
  try {
    json = readFileSync(report, 'utf8');
  } catch {
    // vitest ended before it could write the report: totalsOf counts that as a failure
  }
  if (signal !== null) console.error(`${tier}: vitest was ended by ${signal}`);
  return totalsOf(json, status === 0);
}

const { tiers, forwarded } = parseTestArguments(process.argv.slice(2));
mkdirSync(reports, { recursive: true });
const startMs = performance.now();
let totals = NO_TESTS;
for (const tier of tiers) {
  const tierStartMs = performance.now();
  console.log(`\n== ${tier}`);
  const ofTier = runTier(tier, forwarded);
  totals = addTotals(totals, ofTier);
  console.log(`== ${tier}: ${closingLine(ofTier)} (${((performance.now() - tierStartMs) / 1000).toFixed(1)} s)`);
}
const ran = totals.passed + totals.failed > 0;
if (!ran) console.error('no test ran: the tier is empty, or the filter matches nothing');
console.log(`\n${((performance.now() - startMs) / 1000).toFixed(1)} s in all`);
console.log(closingLine(totals));
process.exitCode = ran && totals.failed === 0 ? 0 : 1;

/**
 * Test suites of languages, over TCP and on the fast path: each test must end as it does over TCP. Writes
 * docs/interop.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { NATIVE } from '../kernel/fastpath/peer.ts';
import { type Group, Sandbox } from '../kernel/fastpath/sandbox.ts';
import { CPYTHON } from './cpython.ts';
import { GO } from './go.ts';
import { PAGE, type Row, writePage } from './page.ts';
import type { Results, Suite, Through } from './suite.ts';

const SUITES = [CPYTHON, GO];

/** As many sockets as can be, also those of connections with few messages, of which such suites are full. */
const PROMOTE_AFTER_SEGMENTS = 2;
/** Fewer than any suite has; a suite that meets no fast path proves nothing. */
const LEAST_PROMOTED = 100;
/** Such suites measure times. What differs, on a busy machine once, must differ each time. */
const REPETITIONS = 2;

/** Arguments: cgroup, namespace, then what to execute. No single quotes: `go test -exec` knows no escape. */
const ENTER = 'echo 0 > "$0/cgroup.procs" && netns=$1 && shift && exec nsenter --net="$netns" "$@"';
const rows: Row[] = [];

afterAll(() => {
  if (rows.length === SUITES.length) writePage(rows);
  else console.log(`${PAGE} stays as it is: ${rows.length} of ${SUITES.length} suites ran`);
});

/** All of the sandbox's lo is watched; who is no member speaks plain TCP. */
function through(sandbox: Sandbox, group: Group): Through {
  return ['sh', '-c', ENTER, sandbox.cgroup(group), sandbox.netns('a'), join(NATIVE, 'refuse-splice')];
}

function differences(plain: Results, promoted: Results): string[] {
  const names = new Set([...plain.keys(), ...promoted.keys()]);
  return [...names].filter((name) => plain.get(name) !== promoted.get(name)).sort();
}

function count(results: Results): Row['plain'] {
  const all = [...results.values()];
  const of = (wanted: string): number => all.filter((result) => result === wanted).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}

/** Runs the suite, or these modules of it, in a folder that is empty and goes. */
function runOf(suite: Suite, sandbox: Sandbox, group: Group, modules?: readonly string[]): Results {
  const dir = mkdtempSync(join(tmpdir(), 'shunt-interop-'));
  try {
    return suite.run(through(sandbox, group), dir, modules);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe.each(SUITES)('$title', (suite) => {
  const why = suite.missing();

  test.skipIf(why !== undefined)(
    `each test ends as over TCP${why === undefined ? '' : ` (${why})`}`,
    async () => {
      await using sandbox = new Sandbox({
        server: suite.reader,
        settings: { promoteAfterSegments: PROMOTE_AFTER_SEGMENTS },
      });
      const plain = runOf(suite, sandbox, 'outside');
      expect(sandbox.fastPath.count('PROMOTED'), 'promoted without being a member').toBe(0);
      const promoted = runOf(suite, sandbox, 'server');
      const figures = {
        promoted: sandbox.fastPath.count('PROMOTED'),
        linked: sandbox.fastPath.count('LINKED'),
        redirected: sandbox.fastPath.messages('REDIRECTED'),
      };
      const first = differences(plain, promoted);
      let again = first;
      for (let i = 0; i < REPETITIONS && again.length > 0; i++) {
        const modules = [...new Set(again.map((name) => suite.moduleOf(name)))];
        const differ = differences(runOf(suite, sandbox, 'outside', modules), runOf(suite, sandbox, 'server', modules));
        again = again.filter((name) => differ.includes(name));
      }
      rows.push({ suite, plain: count(plain), onFastPath: count(promoted), unsteady: first, ...figures });
      console.log(
        suite.title,
        rows.at(-1)?.plain,
        rows.at(-1)?.onFastPath,
        figures,
        sandbox.fastPath.outcomes(),
        first,
      );
      expect(again).toEqual([]);
      expect(figures.promoted).toBeGreaterThan(LEAST_PROMOTED);
      expect(figures.redirected).toBeGreaterThan(LEAST_PROMOTED);
      expect(sandbox.fastPath.flows(), 'flows of sockets that are closed').toEqual([]);
    },
    3_600_000,
  );
});

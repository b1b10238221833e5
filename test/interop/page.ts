/** docs/interop.md from what one run saw. */
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../support/mesh.ts';
import type { Result, Suite } from './suite.ts';

export interface Row {
  readonly suite: Suite;
  readonly plain: Readonly<Record<Result, number>>;
  readonly onFastPath: Readonly<Record<Result, number>>;
  /** Tests that ended differently once, and alike when they were repeated. */
  readonly unsteady: readonly string[];
  /** Sockets. */
  readonly promoted: number;
  /** Connections. */
  readonly linked: number;
  /** Messages. */
  readonly redirected: number;
}

export const PAGE = join(ROOT, 'docs/interop.md');

export function writePage(rows: readonly Row[]): void {
  const unsteady = rows.flatMap((row) => row.unsteady.map((name) => `- ${row.suite.title}: \`${name}\``));
  writeFileSync(
    PAGE,
    `<!-- Written by npm test -- interop; do not edit. -->

# The tests of languages, on the fast path

${new Date().toISOString().slice(0, 10)}, kernel ${release()}.

CPython's and Go's own tests of sockets and of the libraries above them, each run over TCP and then with its sockets promoted
after two segments, in a network namespace that has a loopback alone, with splice(2) refused as \`shunt run\` does. Each test
must end as it does over TCP; what fails over TCP fails for want of a network or a device. \`npm test -- interop\` runs them and
writes this page.

| suite | version | passed | failed | skipped | on the fast path: passed | failed | skipped | sockets promoted | connections linked | messages redirected |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.map(line).join('\n')}

Ended differently once, and alike when repeated (they measure times): ${unsteady.length === 0 ? 'none.' : `\n\n${unsteady.join('\n')}`}
`,
  );
}

function line({ suite, plain, onFastPath, promoted, linked, redirected }: Row): string {
  const of = ({ passed, failed, skipped }: Row['plain']) => [passed, failed, skipped];
  const cells = [suite.title, suite.version(), ...of(plain), ...of(onFastPath), promoted, linked, redirected];
  return `| ${cells.join(' | ')} |`;
}

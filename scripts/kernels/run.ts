/**
 * `npm run test:kernels [-- KERNEL…] [vitest options and filters]`: runs the kernel tier, and `shunt doctor`, in virtual
 * machines for each kernel of the matrix, one after the other, and prints what passed, failed and was skipped there. The
 * results of whole files are kept, and docs/kernels.md is written from all that is kept. Exits 1 when a test failed, when a
 * guest did, or when a test was skipped on every kernel of the whole matrix.
 */
import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type GuestResult, runGuest } from './guest.ts';
import { prepareImage } from './image.ts';
import { type Kernel, MATRIX } from './matrix.ts';
import { installTools, KernelArchive, run } from './packages.ts';
import { pageWith } from './page.ts';
import {
  ANSWER_DELIMITER,
  answersOf,
  diagnosisOf,
  joined,
  type KernelResult,
  linesOf,
  merged,
  skippedEverywhere,
  testsOf,
} from './result.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, '.deps/kernels');
const PAGE = join(ROOT, 'docs/kernels.md');
const CHECKOUT = join(CACHE, 'checkout');
/** Loops are about 7 times, forks about 40 times slower than on the machine itself. */
const TIMEOUT_FACTOR = 30;
const RACE_CONNECTIONS = 1600;
const THREADS_MESSAGES = 20_000;
const GUEST_TIMEOUT_MS = 45 * 60_000;
/** The whole tier is run in so many guests, one after the other: what one found is kept when the next one hangs. */
const PARTS = 4;
/** The rest is another mount (node_modules), large, or of no use to the kernel tier. */
const NOT_COPIED = new Set(['.git', '.deps', 'node_modules', 'docs', 'examples']);

/** What is tested is the checkout as it was at the start, whatever is edited meanwhile. */
function copyCheckout(): void {
  rmSync(CHECKOUT, { recursive: true, force: true });
  mkdirSync(join(CHECKOUT, 'node_modules'), { recursive: true });
  for (const name of readdirSync(ROOT)) {
    if (!NOT_COPIED.has(name)) cpSync(join(ROOT, name), join(CHECKOUT, name), { recursive: true });
  }
}

function script(vitestArguments: readonly string[], withDoctor: boolean): string {
  const quoted = vitestArguments.map((argument) => `'${argument.replaceAll("'", "'\\''")}'`).join(' ');
  return `
    set -e
    mkdir -p /.guest/modules
    mount --bind ${ROOT}/node_modules /.guest/modules
    mount --bind ${CHECKOUT} ${ROOT}
    mount --bind /.guest/modules ${ROOT}/node_modules
    cd ${ROOT}
    export PATH=${ROOT}/node_modules/.bin:$PATH CI=1 NO_COLOR=1
    export SHUNT_TIMEOUT_FACTOR=${TIMEOUT_FACTOR} SHUNT_RACE_CONNECTIONS=${RACE_CONNECTIONS} SHUNT_THREADS_MESSAGES=${THREADS_MESSAGES}
    set +e
    node node_modules/vitest/vitest.mjs run --project=kernel --reporter=verbose --reporter=json \\
      --outputFile.json=/tmp/report.json ${quoted}
    status=$?
    {
      cat /tmp/report.json
      echo '${ANSWER_DELIMITER}'
      ${withDoctor ? 'node src/cli/main.ts doctor --output json' : ''}
    } >"$REPORT"
    exit $status
  `;
}

/** In parts, each of which is kept when it is done. */
async function runKernel(kernel: Kernel, archive: KernelArchive, forwarded: readonly string[]): Promise<KernelResult> {
  if (forwarded.length > 0) return await runGuestOf(kernel, archive, forwarded, true);
  let whole: KernelResult | undefined;
  for (let part = 1; part <= PARTS; part++) {
    const result = await runGuestOf(kernel, archive, [`--shard=${part}/${PARTS}`], part === 1);
    keep(result);
    whole = whole === undefined ? result : joined(whole, result);
  }
  return whole as KernelResult;
}

async function runGuestOf(
  kernel: Kernel,
  archive: KernelArchive,
  forwarded: readonly string[],
  withDoctor: boolean,
): Promise<KernelResult> {
  const image = prepareImage(kernel, archive, CACHE);
  console.log(`\n== ${kernel.name} (${image.release}) ${forwarded.join(' ')}`);
  const startMs = performance.now();
  let answer: GuestResult = { status: 1, report: '' };
  let problem: string | undefined;
  try {
    answer = await runGuest({
      image,
      directory: join(CACHE, 'run'),
      root: ROOT,
      script: script(forwarded, withDoctor),
      timeoutMs: GUEST_TIMEOUT_MS,
      onOutput: (text) => process.stdout.write(text),
    });
  } catch (error) {
    problem = (error as Error).message;
  }
  const { tests, doctor } = answersOf(answer.report);
  const diagnosis = diagnosisOf(doctor);
  return {
    kernel: kernel.name,
    usedBy: kernel.usedBy,
    release: image.release,
    version: image.version,
    date: new Date().toISOString().slice(0, 10),
    seconds: Math.round((performance.now() - startMs) / 1000),
    ...testsOf(tests, answer.status === 0, ROOT),
    ...(diagnosis === undefined ? {} : { doctor: diagnosis }),
    ...(problem === undefined ? {} : { problem }),
  };
}

function kept(kernel: string): KernelResult | undefined {
  const path = join(CACHE, `${kernel}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as KernelResult) : undefined;
}

function keep(result: KernelResult): void {
  const now = merged(kept(result.kernel), result);
  if (now !== undefined) writeFileSync(join(CACHE, `${result.kernel}.json`), JSON.stringify(now));
}

const names = MATRIX.map(({ name }) => name);
const named = process.argv.slice(2).filter((argument) => names.includes(argument));
const forwarded = process.argv.slice(2).filter((argument) => !names.includes(argument));
/** An option, like -t, may leave out tests of a file. */
const wholeFiles = !forwarded.some((argument) => argument.startsWith('-'));
const kernels = MATRIX.filter(({ name }) => named.length === 0 || named.includes(name));

installTools();
run('scripts/build', [], ROOT);
copyCheckout();
const archive = new KernelArchive(join(ROOT, '.deps/apt'));
const results: KernelResult[] = [];
for (const kernel of kernels) {
  const result = await runKernel(kernel, archive, forwarded);
  results.push(result);
  console.log(linesOf(result).join('\n'));
  if (wholeFiles) keep(result);
}
const all = MATRIX.map(({ name }) => kept(name)).filter((result) => result !== undefined);
const files = globSync(join(ROOT, 'test/kernel/**/*.test.ts')).length;
writeFileSync(PAGE, pageWith(readFileSync(PAGE, 'utf8'), all, files));
console.log('');
for (const result of results) console.log(linesOf(result).join('\n'));
const everywhere = kernels.length === MATRIX.length ? skippedEverywhere(results) : [];
for (const test of everywhere) console.log(`skipped on every kernel: ${test}`);
process.exitCode = everywhere.length > 0 || results.some(({ totals, problem }) => totals.failed > 0 || problem) ? 1 : 0;

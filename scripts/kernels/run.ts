/**
 * `npm run test:kernels [-- [KERNEL…] [FILE…] [--missing] [OPTION of vitest…]]`: runs the kernel tier, and `shunt doctor`, in
 * virtual machines for each kernel of the matrix, one after the other, and prints what passed, failed and was skipped there.
 * `--missing` leaves out what has a good result that is not stale. Results are kept file by file as they come, and
 * docs/kernels.md is written from all that is kept; `--page` does that alone. With an option of vitest nothing is kept: tests
 * of a file may be left out. Exits 1 when a test failed, when a guest did, or when a test was skipped on every kernel.
 */
import { cpSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runGuest } from './guest.ts';
import { type KernelImage, prepareImage } from './image.ts';
import { inputsOf, originOf } from './inputs.ts';
import { type Kernel, MATRIX } from './matrix.ts';
import { installTools, KernelArchive, run } from './packages.ts';
import { pageWith } from './page.ts';
import { type Arguments, type Guest, guestsOf, parseArguments, selected } from './plan.ts';
import { neverEnded, type Report, reportOf } from './report.ts';
import {
  type Diagnosis,
  DOCTOR,
  type FileResult,
  type KernelResults,
  linesOf,
  missing,
  ofRelease,
  skippedEverywhere,
  withDoctor,
  withFile,
} from './result.ts';
import { keep, kept } from './store.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(ROOT, '.deps/kernels');
const PAGE = join(ROOT, 'docs/kernels.md');
const CHECKOUT = join(CACHE, 'checkout');
/** Loops are about 7 times, forks about 40 times slower than on the machine itself. */
const TIMEOUT_FACTOR = 30;
/** A test that takes longer hangs: of all that pass none takes half of it. */
const TEST_TIMEOUT_MS = 8 * 60_000;
const RACE_CONNECTIONS = 1600;
const THREADS_MESSAGES = 20_000;
/** Longer than the longest test and hook together. */
const SILENCE_MS = 20 * 60_000;
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

function script(files: readonly string[], options: readonly string[]): string {
  const tests = files.filter((file) => file !== DOCTOR).map((file) => `test/kernel/${file}`);
  const quoted = [...tests, ...options].map((argument) => `'${argument.replaceAll("'", "'\\''")}'`).join(' ');
  return `
    set -e
    mkdir -p /.guest/modules
    mount --bind ${ROOT}/node_modules /.guest/modules
    mount --bind ${CHECKOUT} ${ROOT}
    mount --bind /.guest/modules ${ROOT}/node_modules
    cd ${ROOT}
    export PATH=${ROOT}/node_modules/.bin:$PATH CI=1 NO_COLOR=1
    # libbpf reads the kernel's 150,000 symbols each time that an object names one: a quarter of such a load
    names=$(sed -nE 's/^extern const void (\\w+) __ksym.*/\\1/p' bpf/*.c bpf/include/*.h | sort -u | paste -sd '|')
    grep -E " ($names)$" /proc/kallsyms >/run/kallsyms
    mount --bind /run/kallsyms /proc/kallsyms
    export SHUNT_TIMEOUT_FACTOR=${TIMEOUT_FACTOR} SHUNT_RACE_CONNECTIONS=${RACE_CONNECTIONS} SHUNT_THREADS_MESSAGES=${THREADS_MESSAGES}
    set +e
    ${
      tests.length === 0
        ? ''
        : `node node_modules/vitest/vitest.mjs run --project=kernel --reporter=verbose --reporter=./scripts/kernels/reporter.ts \\
      --testTimeout=${TEST_TIMEOUT_MS} --hookTimeout=${TEST_TIMEOUT_MS} ${quoted}`
    }
    ${
      files.includes(DOCTOR)
        ? `node src/cli/main.ts doctor --output json >/tmp/doctor.json
    { printf '{"doctor":'; tr -d '\\n' </tmp/doctor.json; echo '}'; } >>"$REPORT"`
        : ''
    }
  `;
}

interface Run {
  readonly files: FileResult[];
  readonly problems: string[];
}

const parsed: Arguments = parseArguments(
  process.argv.slice(2),
  MATRIX.map(({ name }) => name),
);
const keeps = parsed.options.length === 0;
const allFiles = globSync('*/*.test.ts', { cwd: join(ROOT, 'test/kernel') }).sort();

async function runKernel(kernel: Kernel, archive: KernelArchive): Promise<Run> {
  const image = prepareImage(kernel, archive, CACHE);
  const { name, usedBy } = kernel;
  const { release, version } = image;
  let results = ofRelease(kept(CACHE, name), { kernel: name, usedBy, release, version });
  const wanted = selected(allFiles, parsed.filters);
  const files = parsed.onlyMissing ? missing(results, wanted, inputs) : wanted;
  const done: Run = { files: [], problems: [] };
  const waiting = guestsOf(files, allKept());
  for (let guest = waiting.shift(); guest !== undefined; guest = waiting.shift()) {
    console.log(`\n== ${name} (${release}): ${guest.files.join(' ')}`);
    const take = (ended: readonly FileResult[], doctor?: Diagnosis): void => {
      for (const file of ended) results = withFile(results, file, { ...origin, inputs: inputs(file.file) });
      if (doctor) results = withDoctor(results, doctor, { ...origin, inputs: inputs(DOCTOR) });
      if (keeps) keep(CACHE, results);
    };
    const { report, problem, seconds } = await boot(image, guest, (text) => take(reportOf(text).files));
    const unfinished = report.unfinished.map((file) => neverEnded(file, problem ?? 'it did not end', seconds));
    const ended = [...report.files, ...unfinished];
    take(ended, report.doctor);
    done.files.push(...ended);
    done.problems.push(...report.errors, ...(problem === undefined ? [] : [problem]));
    const left = guest.files.filter((file) => file !== DOCTOR && !ended.some((result) => result.file === file));
    // One that began nothing would begin nothing again.
    if (ended.length > 0 && left.length > 0 && keeps) waiting.unshift({ ...guest, files: left });
  }
  return done;
}

async function boot(
  image: KernelImage,
  { files, processors }: Guest,
  onReport: (report: string) => void,
): Promise<{ report: Report; problem?: string; seconds: number }> {
  const startMs = performance.now();
  const { report, problem } = await runGuest({
    image,
    directory: join(CACHE, 'run'),
    root: ROOT,
    processors,
    script: script(files, parsed.options),
    silenceMs: SILENCE_MS,
    onOutput: (text) => process.stdout.write(text),
    onReport,
  });
  const seconds = Math.round((performance.now() - startMs) / 1000);
  return { report: reportOf(report), seconds, ...(problem === undefined ? {} : { problem }) };
}

function allKept(): KernelResults[] {
  return MATRIX.map(({ name }) => kept(CACHE, name)).filter((results) => results !== undefined);
}

let inputs = inputsOf(ROOT);
const origin = originOf(ROOT);
const lines: string[] = [];
let failed = false;
if (!parsed.onlyPage) {
  installTools();
  run('scripts/build', [], ROOT);
  copyCheckout();
  inputs = inputsOf(CHECKOUT);
  const archive = new KernelArchive(join(ROOT, '.deps/apt'));
  for (const kernel of MATRIX.filter(({ name }) => parsed.kernels.includes(name))) {
    const { files, problems } = await runKernel(kernel, archive);
    const said = [...linesOf(kernel.name, files), ...problems.map((problem) => `  ${kernel.name}: ${problem}`)];
    console.log(said.join('\n'));
    lines.push(...said);
    failed ||= problems.length > 0 || files.some((file) => file.failed.length > 0);
  }
}
const everywhere = skippedEverywhere(allKept(), MATRIX.length);
writeFileSync(
  PAGE,
  pageWith(readFileSync(PAGE, 'utf8'), {
    all: allKept(),
    files: allFiles,
    inputs: inputsOf(ROOT),
    kernels: MATRIX.length,
    everywhere,
  }),
);
console.log(`\n${lines.join('\n')}`);
for (const test of everywhere) console.log(`skipped on every kernel: ${test}`);
process.exitCode = failed || everywhere.length > 0 ? 1 : 0;

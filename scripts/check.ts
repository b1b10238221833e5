/**
 * `npm run check`: what must hold before a commit. It needs no privileges beyond what scripts/setup needed, runs every
 * step also after one failed, prints the output of those that failed, and exits 1 when any did.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

interface Step {
  name: string;
  commands: string[][];
}

/** Each scripts/generate-NAME-docs.ts writes docs/NAME.md. */
const generators = globSync('scripts/generate-*-docs.ts', { cwd: root }).sort();
const documents = generators.map((path) => path.replace(/^scripts\/generate-(.*)-docs\.ts$/, 'docs/$1.md'));
const native = globSync(['bpf/**/*.{c,h}', 'native/**/*.{c,h}'], { cwd: root }).sort();
const shell = ['scripts/setup', 'scripts/build', '.ci/run', ...globSync('scripts/*.sh', { cwd: root })];

const steps: Step[] = [
  { name: 'generate', commands: [['scripts/build'], ...generators.map((script) => [process.execPath, script])] },
  {
    name: 'format',
    commands: [
      [bin('biome'), 'format', '.'],
      ['clang-format', '--dry-run', '-Werror', ...native],
    ],
  },
  { name: 'lint', commands: [[bin('biome'), 'check', '--formatter-enabled=false', '--error-on-warnings', '.']] },
  { name: 'shell', commands: shell.map((script) => ['bash', '-n', script]) },
  { name: 'types', commands: [[bin('tsc'), '--noEmit']] },
  { name: 'unit tests', commands: [[process.execPath, 'scripts/test.ts', 'unit']] },
  // what was generated above, against what is committed or staged; in a copy without git there is nothing to compare with
  {
    name: 'no difference',
    commands: existsSync(join(root, '.git'))
      ? [['git', 'diff', '--exit-code', '--', 'src/generated', ...documents]]
      : [],
  },
];

/** The output of each command of the step that failed. */
function failuresOf({ commands }: Step): string[] {
  return commands.flatMap(([program = '', ...args]) => {
    const { status, stdout, stderr, error } = spawnSync(program, args, {
      cwd: root,
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    });
    if (status === 0) return [];
    return [`$ ${[program, ...args].join(' ')}\n${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`];
  });
}

// scripts/build trusts times; without its stamp it generates the layouts again
rmSync(join(root, 'build/abi.stamp'), { force: true });
const failed: string[] = [];
for (const step of steps) {
  const startMs = performance.now();
  const failures = failuresOf(step);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (failures.length > 0) failed.push(step.name);
  for (const failure of failures) console.log(failure);
  console.log(`check: ${step.name}: ${failures.length === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
}
console.log(failed.length === 0 ? 'check: all is well' : `check: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;

import { existsSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

/** Fails the run when a test leaves a descriptor of src/bpf open. */
const leakCheck = 'test/support/leaks.ts';
/** Scales the waits of tests by SHUNT_TIMEOUT_FACTOR. */
const patience = 'test/support/patience.ts';
const timeoutFactor = Number(process.env.SHUNT_TIMEOUT_FACTOR || 1);

interface Tier {
  name: string;
  include: string[];
  /** False where tests share the one kernel, its devices and the machine's two processors. */
  parallel: boolean;
  testTimeoutMs: number;
}

/** In the order in which scripts/test.ts runs them: what fails fast and cheaply comes first. */
const tiers: Tier[] = [
  { name: 'unit', include: ['test/unit/**/*.test.ts'], parallel: true, testTimeoutMs: 20_000 },
  {
    name: 'filters',
    include: ['test/filters/**/*.test.ts', 'filters/**/test/**/*.test.ts'],
    parallel: true,
    testTimeoutMs: 60_000,
  },
  { name: 'kernel', include: ['test/kernel/**/*.test.ts'], parallel: false, testTimeoutMs: 120_000 },
  { name: 'e2e', include: ['test/e2e/**/*.test.ts'], parallel: false, testTimeoutMs: 240_000 },
  { name: 'programs', include: ['test/programs/**/*.test.ts'], parallel: false, testTimeoutMs: 240_000 },
  { name: 'interop', include: ['test/interop/**/*.test.ts'], parallel: false, testTimeoutMs: 240_000 },
];

function project({ name, include, parallel, testTimeoutMs }: Tier): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include,
      exclude: ['**/node_modules/**', '**/build/**', '**/.deps/**'],
      // a process for each file: koffi's handles and epoll descriptors do not survive a worker thread's end
      pool: 'forks',
      fileParallelism: parallel,
      testTimeout: testTimeoutMs * timeoutFactor,
      hookTimeout: testTimeoutMs * timeoutFactor,
      expect: { poll: { timeout: 1000 * timeoutFactor } },
      // a worker that does not end holds something open: that is a failure to see, not to wait for
      teardownTimeout: 20_000 * timeoutFactor,
      setupFiles: existsSync(leakCheck) && name !== 'filters' ? [leakCheck, patience] : [],
    },
  };
}

export default defineConfig({ test: { projects: tiers.map(project) } });

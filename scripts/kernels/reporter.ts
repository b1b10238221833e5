/** Reporter of vitest in a guest: writes each test file's result to $REPORT at once, so that it outlives the guest. */
import { appendFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { firstLine, type Line } from './report.ts';

const TIER = resolve(import.meta.dirname, '../../test/kernel');

export default class GuestReporter implements Reporter {
  readonly #beganMs = new Map<string, number>();
  readonly #write: (line: Line) => void;

  /** vitest gives an object. `write`: default to $REPORT. */
  constructor({ write = toReport }: { readonly write?: (line: Line) => void } = {}) {
    this.#write = write;
  }

  onTestModuleQueued(module: TestModule): void {
    this.#beganMs.set(module.moduleId, performance.now());
    this.#write({ began: fileOf(module.moduleId) });
  }

  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()];
    const inState = (state: string): TestCase[] => tests.filter((test) => test.result().state === state);
    const failed = inState('failed').map((test) => ({
      test: test.fullName,
      reason: firstLine(test.result().errors?.[0]?.message),
    }));
    const outside = module.errors().map(({ message }) => ({ test: 'outside of any test', reason: firstLine(message) }));
    const skipped = tests.filter((test) => !['passed', 'failed'].includes(test.result().state));
    this.#write({
      ended: {
        file: fileOf(module.moduleId),
        passed: inState('passed').map(({ fullName }) => fullName),
        failed: [...failed, ...outside],
        skipped: skipped.map((test) => ({ test: test.fullName, reason: firstLine(test.meta().skipReason) })),
        seconds: Math.round((performance.now() - (this.#beganMs.get(module.moduleId) ?? 0)) / 1000),
      },
    });
  }

  onTestRunEnd(
    _modules: readonly TestModule[],
    errors: readonly { message: string; VITEST_TEST_PATH?: unknown }[],
  ): void {
    for (const { message, VITEST_TEST_PATH: path } of errors) {
      this.#write({ error: firstLine(message), ...(typeof path === 'string' ? { file: fileOf(path) } : {}) });
    }
  }
}

function fileOf(path: string): string {
  return relative(TIER, path);
}

function toReport(line: Line): void {
  appendFileSync(process.env.REPORT as string, `${JSON.stringify(line)}\n`);
}

/**
 * Setup file of vitest (`setupFiles`): after each test file, fails the run when src/bpf still holds a descriptor open. A
 * descriptor that outlives its test keeps programs attached for the tests after it.
 */
import { afterAll } from 'vitest';
import { assertNoLeaks } from '../../src/bpf/registry.ts';

afterAll(assertNoLeaks);

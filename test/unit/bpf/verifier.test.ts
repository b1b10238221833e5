import { describe, expect, test } from 'vitest';
import { relevantLines, verifierLog } from '../../../src/bpf/verifier.ts';

const LOG = `prog 'connect4': -- BEGIN PROG LOAD LOG --
reg type unsupported for arg#0 function connect4#6
0: R1=ctx(off=0,imm=0) R10=fp0
; __u32 key = ctx->user_ip4;
0: (61) r1 = *(u32 *)(r1 +4)          ; R1_w=scalar(umax=4294967295)
; return *value & 1;
5: (79) r0 = *(u64 *)(r0 +0)          ; R0_w=map_value_or_null
R0 invalid mem access 'map_value_or_null'
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --`;

describe('a program that the verifier refused', () => {
  const log = verifierLog([
    "prog 'connect4': BPF program load failed: Permission denied",
    LOG,
    'failed to load object',
  ]);

  test('is named, with the whole log', () => {
    expect(log.program).toBe('connect4');
    expect(log.log).toContain('R1=ctx(off=0,imm=0)');
    expect(log.log).not.toContain('BEGIN PROG LOAD LOG');
  });
  test('is told in one line: reason, line of C, instruction', () => {
    expect(relevantLines(log)).toBe(
      `R0 invalid mem access 'map_value_or_null' at "return *value & 1;" (5: (79) r0 = *(u64 *)(r0 +0))`,
    );
  });
  test('is told without source when the log has none', () => {
    const bare = LOG.replace(/^;.*\n/gm, '');
    expect(relevantLines(verifierLog([bare]))).toBe(
      "R0 invalid mem access 'map_value_or_null' (5: (79) r0 = *(u64 *)(r0 +0))",
    );
  });
});

test('what a verifier explains after the reason (7.x) is left to the log', () => {
  const explained = `
Verification failed: Register Type Safety: Invalid dereference

Reason:
  R0 may be NULL here (a nullable map value pointer).

  Instruction context:
  >>> 5 | (79) r0 = *(u64 *)(r0 +0)

Suggestion:
  Add a NULL check before the access.

processed`;
  const log = verifierLog([LOG.replace('processed', explained)]);
  expect(relevantLines(log)).toMatch(/^R0 invalid mem access 'map_value_or_null' at .* \(5: \(79\) .*\)$/);
  expect(log.log).toContain('Suggestion:');
});

test('a log that was cut short still names its program', () => {
  const log = verifierLog([LOG.slice(0, LOG.indexOf('processed'))]);
  expect(log.program).toBe('connect4');
  expect(relevantLines(log)).toMatch(/^R0 invalid mem access/);
});

test('a failure of libbpf itself is told by its first line', () => {
  const log = verifierLog(["map 'settings': failed to create: Invalid argument(-22)", "failed to load object 'x'"]);
  expect(log.program).toBeUndefined();
  expect(relevantLines(log)).toBe("map 'settings': failed to create: Invalid argument(-22)");
  expect(relevantLines(verifierLog([]))).toBe('');
});

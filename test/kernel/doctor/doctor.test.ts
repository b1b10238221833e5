import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { THIS_BUILD } from '../../../src/doctor/build.ts';
import { examine } from '../../../src/doctor/doctor.ts';
import { adviceOf, fastPathObstacle, type Probe, type Report } from '../../../src/doctor/probe.ts';
import { PROBES } from '../../../src/doctor/probes.ts';
import { cgroup2Mount } from '../../../src/instance.ts';
import { needs } from '../../support/capabilities.ts';
import { patient } from '../../support/patience.ts';
import { buildWith } from './build.ts';

/** On an idle machine; for one that is slower (an emulated one) or busy, that much more. */
const WITHIN_MS = patient(5_000) * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());

/** Labs of this process: others may examine the machine at the same time. */
function labs(pid: number = process.pid): string[] {
  const name = new RegExp(`^shunt-doctor-${pid}-`);
  return ['/run/netns', cgroup2Mount()].flatMap((path) =>
    existsSync(path) ? readdirSync(path).filter((entry) => name.test(entry)) : [],
  );
}

/** Where the kernel refuses to promote from tc (7.x), what a promoted connection does cannot be looked at. */
const PROMOTION = needs('fast path');
/** These look at no promoted connection. */
const PROMOTIONS = ['tc-update', 'iterator-update'];
const ANSWER_ALWAYS = ['cgroup-hooks', ...PROMOTIONS, 'tcp-sock', 'splice-refused'];

const findingOf = ({ findings }: Report, id: string) => findings.find((finding) => finding.id === id);

describe('on this kernel', () => {
  let report: Report;
  let wrong: Report;
  beforeAll(async () => {
    report = await examine();
    wrong = await examine({ expectations: Object.fromEntries(PROBES.map(({ id }) => [id, 'something else'])) });
  });

  it('comes to an answer with every probe', PROMOTION, () => {
    const open = report.findings.filter(({ verdict }) => verdict === 'cannot tell');
    expect(open).toEqual([]);
    expect(report.findings.map(({ id }) => id)).toEqual(PROBES.map(({ id }) => id));
  });

  it('takes less than 5 s', () => {
    expect(report.tookMs).toBeLessThan(WITHIN_MS);
  });

  it('leaves nothing behind', () => {
    expect(labs()).toEqual([]);
  });

  it('finds all that the kernel tier of tests relies on', PROMOTION, () => {
    const needed = PROBES.filter(({ disables }) => disables === 'fast-path').map(({ id }) => id);
    expect(needed.map((id) => [id, findingOf(report, id)?.verdict])).toEqual(needed.map((id) => [id, 'supported']));
    expect(fastPathObstacle(report)).toBeUndefined();
  });

  describe.each(PROBES.map((probe): [string, Probe] => [probe.id, probe]))('a wrong expectation of %s', (id, probe) => {
    const needed = ANSWER_ALWAYS.includes(id) ? {} : PROMOTION;
    it('is reported as unsupported, with what was found and what stays off', needed, () => {
      expect(findingOf(wrong, id)).toMatchObject({
        verdict: 'unsupported',
        expected: 'something else',
        found: findingOf(report, id)?.found,
        staysOff: probe.staysOff,
      });
    });

    const effect = {
      'fast-path': 'keeps the fast path off, alone',
      promotion: 'keeps the fast path off, unless there is another way to promote',
      nothing: 'leaves the fast path on',
    }[probe.disables];
    it(effect, PROMOTION, () => {
      const replaced = (ids: readonly string[]): Report => ({
        ...report,
        findings: report.findings.map((finding) =>
          ids.includes(finding.id) ? findingOf(wrong, finding.id)! : finding,
        ),
      });
      const { obstacle, promotion } = adviceOf(replaced([id]));
      if (probe.disables === 'fast-path') expect(obstacle).toContain(`${id} unsupported`);
      else if (probe.disables === 'nothing') expect(obstacle).toBeUndefined();
      else {
        const [other] = PROMOTIONS.filter((way) => way !== id) as [string];
        const isThere = findingOf(report, other)?.verdict === 'supported';
        expect(obstacle).toEqual(isThere ? undefined : expect.stringContaining(' unsupported'));
        expect(promotion).toBe(isThere ? other.replace('-update', '') : undefined);
        expect(adviceOf(replaced(PROMOTIONS))).toEqual({
          obstacle: expect.stringMatching(/^fast path off: doctor: tc-update unsupported/),
          promotion: undefined,
        });
      }
    });
  });
});

test('sees that bytes are reordered without the exact handover', PROMOTION, async () => {
  using build = buildWith('SHUNT_TEST_WITHOUT_HANDOVER');
  const probes = PROBES.filter(({ id }) => id === 'ordering');
  const report = await examine({ build, probes });
  expect(findingOf(report, 'ordering')?.found).toMatch(/^of \d+ connections: [1-9]\d* ends reordered/);
  expect(fastPathObstacle(report)).toContain('ordering unsupported');
});

test(
  'keeps the fast path off, with the verifier’s reason, where the kernel refuses the program of tc',
  PROMOTION,
  async () => {
    using build = buildWith('bpf_sk_release(socket)=((void)(socket))');
    const report = await examine({ build });
    expect(findingOf(report, 'tc-update')).toMatchObject({
      verdict: 'unsupported',
      found: expect.stringMatching(/refused: .*promote/),
    });
    expect(findingOf(report, 'tcp-sock')?.verdict).toBe('supported');
    expect(findingOf(report, 'splice-refused')?.verdict).toBe('supported');
    expect(findingOf(report, 'peek')).toMatchObject({
      verdict: 'cannot tell',
      found: 'nothing is promoted: the kernel refuses program promote',
    });
    expect(fastPathObstacle(report)).toMatch(/^fast path off: doctor: tc-update unsupported: refused: .*reference/i);
  },
);

test('cannot tell, and keeps the fast path off, when a probe does not come to its question', async () => {
  let asked = 0;
  const probe: Probe = {
    ...(PROBES.find(({ id }) => id === 'peek') as Probe),
    observe: async () => {
      asked++;
      throw new Error('nobody answered');
    },
  };
  const report = await examine({ probes: [probe] });
  expect(findingOf(report, 'peek')).toMatchObject({ verdict: 'cannot tell', found: 'nobody answered' });
  expect(fastPathObstacle(report)).toContain('peek cannot tell: nobody answered');
  expect(asked).toBe(2);
});

test('asks a probe again that did not come to its question at first', async () => {
  let asked = 0;
  const probe: Probe = {
    ...(PROBES[0] as Probe),
    expected: 'yes',
    observe: async () => {
      asked++;
      if (asked === 1) throw new Error('busy');
      return 'yes';
    },
  };
  const report = await examine({ probes: [probe] });
  expect(report.findings.map(({ verdict }) => verdict)).toEqual(['supported']);
});

test('removes what a doctor left that was killed', async () => {
  const gone = 4_100_000; // above the largest process number that Linux gives
  const name = `shunt-doctor-${gone}-abcdef`;
  execFileSync('ip', ['netns', 'add', name]);
  mkdirSync(join(cgroup2Mount(), name, 'proxy'), { recursive: true });
  await examine({ probes: [] });
  expect(labs(gone)).toEqual([]);
});

test('says to build when there is nothing to probe with', async () => {
  const build = { ...THIS_BUILD, objects: '/nonexistent' };
  await expect(examine({ build })).rejects.toMatchObject({
    code: 'E_BPF_OPEN',
    message: expect.stringContaining('run scripts/build'),
  });
});

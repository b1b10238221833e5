/** What the supervisor makes of a doctor's answer. */
import { expect, it } from 'vitest';
import { queryTc } from '../../../src/bpf/tc.ts';
import { silentLogger } from '../../../src/log.ts';
import { DataplaneHandle } from '../../../src/supervisor/dataplane-handle.ts';
import { needs } from '../../support/capabilities.ts';
import { Sandbox } from '../dataplane/sandbox.ts';

const WHY = 'fast path off: doctor: ordering unsupported';
/** Programs of the fast path that are attached to the instance's cgroups. */
const FAST_PATH = ['socket_events', 'socket_options', 'socket_answers', 'socket_released'];

/** Nothing stands against it; whoever may promotes. */
const ADVICE = { obstacle: undefined, promotion: undefined };

const CAPTURE = needs('capture');
const ALL = needs('capture', 'fast path');

it('opens the data plane without the fast path, and says why, where a probe failed', CAPTURE, async () => {
  await using sandbox = new Sandbox();
  using handle = new DataplaneHandle(sandbox.instance, silentLogger, async () => ({
    obstacle: WHY,
    promotion: undefined,
  }));
  const dataplane = await handle.ensure(true);
  dataplane.attachNamespace(sandbox.netnsPath('a'));
  expect(handle.fastPathObstacle).toBe(WHY);
  expect(sandbox.attached()).toContain('connect4');
  expect(sandbox.attached().filter((name) => FAST_PATH.includes(name))).toEqual([]);
  const promote = {
    netns: sandbox.netnsPath('a'),
    device: 'lo',
    direction: 'ingress',
    priority: 20,
    handle: 1,
  } as const;
  expect(queryTc(promote)).toBeUndefined();
});

it('arms the fast path where nothing stands against it, and asks no more', ALL, async () => {
  await using sandbox = new Sandbox();
  let asked = 0;
  using handle = new DataplaneHandle(sandbox.instance, silentLogger, async () => {
    asked++;
    return ADVICE;
  });
  await handle.ensure(true);
  await handle.ensure(true);
  expect(asked).toBe(1);
  expect(handle.fastPathObstacle).toBeUndefined();
  expect(sandbox.attached()).toEqual(expect.arrayContaining(FAST_PATH));
});

it('asks nobody when the mesh wants no fast path', CAPTURE, async () => {
  await using sandbox = new Sandbox();
  using handle = new DataplaneHandle(sandbox.instance, silentLogger, () => Promise.reject(new Error('asked')));
  await handle.ensure(false);
  expect(handle.fastPathObstacle).toBeUndefined();
});

it('asks again at the next change, and arms when the obstacle is gone', ALL, async () => {
  await using sandbox = new Sandbox();
  let why: string | undefined = WHY;
  using handle = new DataplaneHandle(sandbox.instance, silentLogger, async () => ({ ...ADVICE, obstacle: why }));
  await handle.ensure(true);
  why = undefined;
  await handle.ensure(true);
  expect(handle.fastPathObstacle).toBeUndefined();
  expect(sandbox.attached()).toEqual(expect.arrayContaining(FAST_PATH));
});

/** Loads of every kind at once, checked byte by byte, while pauses, credit and memory come and go. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test, vi } from 'vitest';
import { Reader } from '../../../src/generated/abi.ts';
import { allNeed } from '../../support/capabilities.ts';
import { patient } from '../../support/patience.ts';
import { TcpMemory, tcpPagesHeld } from '../../support/tcp-memory.ts';
import { compileFastPath } from '../fastpath/compile.ts';
import { type Group, IPS, IPV6, Sandbox, type SandboxOptions, type Side } from '../fastpath/sandbox.ts';
import { CREDIT_MAX, Disturbance } from './disturbance.ts';
import { ALL_WELL, chaosLoad, type LoadOptions, type Tally } from './load.ts';

allNeed('fast path');

/** What readers of a cgroup are said to do, as well as what native/chaos does there; is the kernel short of memory at times? */
const ROUTES = [
  ['IPv4 on lo', 'a', '127.0.0.1', 'auto', 'fed'],
  ['IPv6 on a veth, greedy', 'b', IPV6.b, 'greedy', 'fed'],
  ['IPv6 on lo, greedy, short of memory', 'a', '::1', 'greedy', 'starved'],
  ['v4-mapped on a veth', 'b', `::ffff:${IPS.b}`, 'auto', 'fed'],
] as const;
/** Over all routes: more to be surer (CONTRIBUTING.md). */
const SECONDS_ALL = Number(process.env.SHUNT_CHAOS_SECONDS || 16);
const SECONDS = Math.max(2, Math.ceil(SECONDS_ALL / ROUTES.length));
const TIMEOUT_MS = patient(SECONDS * 1000 + 90_000);
const SEED = process.env.SHUNT_CHAOS_SEED;
const REPLAY = { seconds: SECONDS, ...(SEED === undefined ? {} : { seed: SEED }) };
/** Of what the kernel holds for TCP on either side. */
const BUFFER_MAX = 1024 * 1024;
const MESSAGE_MAX = 512 * 1024;
/** A segment more on either side, and what a reader has in hand and has not counted. */
const IN_HAND_MAX = 512 * 1024;
/** Another test that makes TCP's memory short is over by then: it would make this one slow. One that keeps it is not waited for. */
const SHORTAGE_MS_MAX = 10_000;
/** What plain TCP does under the same load, to compare with: nothing is promoted. */
const IS_PLAIN = process.env.SHUNT_CHAOS_PLAIN === '1';
const SETTINGS: SandboxOptions = { settings: { promoteAfterSegments: 2, maxQueuedBytes: CREDIT_MAX } };
const PLAIN: SandboxOptions = { settings: { promoteAfterSegments: 0 } };

/** Sends and receives with bounded buffers, steered to every processor. */
function prepare(sandbox: Sandbox): void {
  sandbox.steer();
  const buffers = ['rmem', 'wmem'].map((name) => `net.ipv4.tcp_${name}=4096 131072 ${BUFFER_MAX}`);
  for (const side of ['a', 'b'] as const) {
    execFileSync('nsenter', [`--net=${sandbox.netns(side)}`, 'sysctl', '-qw', ...buffers], { stdio: 'pipe' });
  }
}

interface Kind {
  readonly server: Side;
  readonly ip: string;
  /** What the fast path is told of the readers. */
  readonly said: 'auto' | 'greedy';
  /** Do the edge-triggered ones read until EAGAIN? */
  readonly greedy: boolean;
}

async function load(
  sandbox: Sandbox,
  { server, ip, said, greedy }: Kind,
  options: Pick<LoadOptions, 'seconds' | 'seed' | 'stallMs'>,
): Promise<Tally> {
  const groups = ['client', 'server'] as const;
  if (said === 'greedy') for (const group of groups) sandbox.fastPath.addMember(sandbox.cgroup(group), Reader.GREEDY);
  const place = (side: Side, group: Group) => ({ netns: sandbox.netns(side), cgroup: sandbox.cgroup(group), greedy });
  return await chaosLoad({ server: place(server, 'server'), client: place('a', 'client'), ip, ...options });
}

describe('all is well, and nothing stalls, under a load of all kinds', () => {
  test.each(ROUTES)('over %s', { timeout: TIMEOUT_MS }, async (_, server, ip, said, kept) => {
    await using sandbox = new Sandbox(IS_PLAIN ? PLAIN : SETTINGS);
    prepare(sandbox);
    await using _memory = kept === 'fed' ? await TcpMemory.tryTake(SHORTAGE_MS_MAX) : undefined;
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, tcpPagesHeld());
    }, 50);
    let tally: Tally;
    let shortages: number;
    try {
      await using disturbance = new Disturbance(sandbox.fastPath, kept === 'starved');
      tally = await load(sandbox, { server, ip, said, greedy: said === 'greedy' }, REPLAY);
      shortages = disturbance.shortages;
    } finally {
      clearInterval(timer);
    }
    const found = JSON.stringify({ ...tally, peakPages: peak, shortages, outcomes: sandbox.fastPath.outcomes() });
    if (process.env.SHUNT_CHAOS_SECONDS !== undefined) console.log(found);
    expect(tally, found).toMatchObject(ALL_WELL);
    expect(shortages > 0, `another process kept the machine's memory as it is: ${found}`).toBe(kept === 'starved');
    // That it was a load of all kinds, and went both ways.
    expect(Math.min(...Object.values(tally.ways)), found).toBeGreaterThan(0);
    for (const outcome of IS_PLAIN ? [] : (['REDIRECTED', 'HANDOVER', 'CREDIT', 'PAUSED'] as const)) {
      expect(sandbox.fastPath.messages(outcome), `${outcome}: ${found}`).toBeGreaterThan(0);
    }
    expect(tally.mostUnderWay, found).toBeLessThanOrEqual(2 * BUFFER_MAX + CREDIT_MAX + MESSAGE_MAX + IN_HAND_MAX);
    // The kernel may still be at the end of a connection that both programs have closed.
    await vi.waitFor(() => expect(sandbox.fastPath.flows()).toHaveLength(0), { timeout: patient(10_000) });
  });
});

const WRONG = { server: 'a', ip: '127.0.0.1', said: 'greedy' } as const;

test('finds wrong bytes where the handover is not checked', { timeout: TIMEOUT_MS }, async () => {
  using object = compileFastPath('-DSHUNT_TEST_WITHOUT_HANDOVER');
  await using sandbox = new Sandbox({ ...SETTINGS, object: object.path });
  prepare(sandbox);
  let tally: Tally;
  do tally = await load(sandbox, { ...WRONG, greedy: true }, { seconds: 2 });
  while (tally.wrong === 0);
  // A wrong byte is a connection's last: nothing is lost silently.
  expect(tally.complaints.join('\n')).toMatch(/wrong: connection 0x[0-9a-f]+, (client|server), \d+ bytes from \d+ on/);
});

test('finds stalls where readers that stop at a short read are said to be greedy', {
  timeout: TIMEOUT_MS,
}, async () => {
  await using sandbox = new Sandbox({ settings: { ...SETTINGS.settings, maxQueuedBytes: 10_000 } });
  prepare(sandbox);
  let tally: Tally;
  // A real one never ends, so that one second is enough in any guest.
  const stallMs = Math.min(patient(200), 1000);
  do tally = await load(sandbox, { ...WRONG, greedy: false }, { seconds: 1, stallMs });
  while (tally.stalls === 0);
  expect(tally.wrong).toBe(0);
  expect(tally.complaints.join('\n')).toMatch(/stall: connection 0x[0-9a-f]+, .*: \d+ bytes sent, \d+ received/);
});

test('loses nothing when it is detached and unpinned', { timeout: TIMEOUT_MS }, async () => {
  await using sandbox = new Sandbox(SETTINGS);
  prepare(sandbox);
  await using _memory = await TcpMemory.tryTake(SHORTAGE_MS_MAX);
  const running = load(sandbox, { server: 'b', ip: IPS.b, said: 'greedy', greedy: true }, REPLAY);
  const isRedirected = () => expect(sandbox.fastPath.messages('REDIRECTED')).toBeGreaterThan(100);
  await vi.waitFor(isRedirected, 10_000);
  sandbox.fastPath[Symbol.dispose]();
  for (const side of ['a', 'b'] as const) {
    for (const device of ['lo', 'eth0']) {
      execFileSync('nsenter', [`--net=${sandbox.netns(side)}`, 'tc', 'qdisc', 'del', 'dev', device, 'clsact']);
    }
  }
  const tally = await running;
  expect(tally, JSON.stringify(tally)).toMatchObject(ALL_WELL);
});

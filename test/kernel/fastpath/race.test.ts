/**
 * The race that breaks every naive fast path: bytes are under way by TCP when the first are redirected. Needs two
 * processors and receive-packet steering, so that TCP receives on one while the sender goes on on the other.
 */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { allNeed } from '../../support/capabilities.ts';
import { patient } from '../../support/patience.ts';
import { compileFastPath } from './compile.ts';
import { NATIVE } from './peer.ts';
import { IPS, IPV6, Sandbox, type SandboxOptions } from './sandbox.ts';

allNeed('fast path');

const ROUTES = [
  ['IPv4 on lo', 'a', '127.0.0.1'],
  ['IPv6 on lo', 'a', '::1'],
  ['IPv4 on a veth', 'b', IPS.b],
  ['IPv6 on a veth', 'b', IPV6.b],
] as const;
/** Over all routes: fewer where every packet is emulated, more to be surer (CONTRIBUTING.md). */
const CONNECTIONS_ALL = Number(process.env.SHUNT_RACE_CONNECTIONS || 24_000);
const CONNECTIONS = Math.ceil(CONNECTIONS_ALL / ROUTES.length);
/** Nothing moved for so long: it never will. */
const STUCK_MS = 3_000;
/** Without what it needs, the fast path fails long before this many. */
const CONNECTIONS_WRONG = Math.min(2_000, CONNECTIONS_ALL);
const BYTES_MAX = 24_000;
/** Several times what they take on two processors, beside 60 s. */
const MS_PER_CONNECTION = 10;
const TIMEOUT_MS = patient(60_000 + CONNECTIONS * MS_PER_CONNECTION);

interface Tally {
  connections: number;
  messages: number;
  bytes: number;
  reordered: number;
  lost: number;
  failed: number;
  stuck: number;
  milliseconds: number;
}

/** `b` makes the veth the way between the two. */
async function race(sandbox: Sandbox, server: 'a' | 'b', ip: string, connections: number): Promise<Tally> {
  sandbox.steer();
  // The client's ports wait for a minute after each connection.
  const ports = ['sysctl', '-qw', 'net.ipv4.ip_local_port_range=1024 65535'];
  execFileSync('nsenter', [`--net=${sandbox.netns('a')}`, ...ports], { stdio: 'pipe' });
  const enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"';
  const command = [
    `${NATIVE}/race`,
    '--address',
    ip,
    '--connections',
    connections,
    '--bytes',
    BYTES_MAX,
    '--stuck-ms',
    patient(STUCK_MS),
  ];
  const namespaces = ['--client-netns', sandbox.netns('a'), '--server-netns', sandbox.netns(server)];
  const { stdout } = await promisify(execFile)(
    'sh',
    ['-c', enter, sandbox.cgroup('client'), ...command.map(String), ...namespaces],
    { timeout: TIMEOUT_MS },
  );
  return JSON.parse(stdout) as Tally;
}

/** Early, while the first bytes are under way. */
const SETTINGS: SandboxOptions = { settings: { promoteAfterSegments: 2 } };

/** Of the messages and of the connections, at least; an iterator promotes some milliseconds later, when many are over. */
const SHARES = { tc: { redirected: 0.2, linked: 0.25 }, iterator: { redirected: 0.02, linked: 0.02 } } as const;

describe('delivers every byte of racing connections in order', () => {
  test.each(ROUTES)('over %s', { timeout: TIMEOUT_MS * 2 }, async (_, server, ip) => {
    await using sandbox = new Sandbox(SETTINGS);
    const tally = await race(sandbox, server, ip, CONNECTIONS);
    expect(tally).toMatchObject({ connections: CONNECTIONS, reordered: 0, lost: 0, failed: 0, stuck: 0 });
    // That it was a race: part of the messages had to wait for the handover, part was redirected.
    const share = (outcome: 'REDIRECTED' | 'HANDOVER') => sandbox.fastPath.messages(outcome) / tally.messages;
    const least = SHARES[sandbox.fastPath.promotion];
    expect(share('REDIRECTED'), JSON.stringify(sandbox.fastPath.outcomes())).toBeGreaterThan(least.redirected);
    expect(share('HANDOVER')).toBeGreaterThan(0.02);
    expect(sandbox.fastPath.count('LINKED')).toBeGreaterThan(CONNECTIONS * least.linked);
    expect(sandbox.fastPath.count('REFUSED_SEQUENCE')).toBe(0);
    expect(sandbox.fastPath.flows()).toHaveLength(0);
  });
});

test('is a race that catches a fast path without the handover check', async () => {
  using object = compileFastPath('-DSHUNT_TEST_WITHOUT_HANDOVER');
  await using sandbox = new Sandbox({ ...SETTINGS, object: object.path });
  const tally = await race(sandbox, 'a', '127.0.0.1', CONNECTIONS_WRONG);
  expect(tally.reordered).toBeGreaterThan(CONNECTIONS_WRONG / 100);
});

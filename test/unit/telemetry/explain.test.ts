import { describe, expect, it } from 'vitest';
import { Counter, Outcome, Phase, type SocketState } from '../../../src/generated/abi.ts';
import { explainSocket, type SocketFacts } from '../../../src/telemetry/explain.ts';
import { OUTCOME_MEANINGS } from '../../../src/telemetry/outcomes.ts';
import { flow } from './records.ts';

const NOW_NS = 10_000_000_000n;
const STATE: SocketState = {
  peerKey: { scope: 0n, localIpBe: [0, 0, 0, 0], remoteIpBe: [0, 0, 0, 0], localPort: 1, remotePort: 2 },
  cookie: 1n,
  cgroupId: 1n,
  peer: 0n,
  peerCookie: 0n,
  peerCgroupId: 0n,
  sinceNs: NOW_NS - 3_000_000_000n,
  clientCgroupId: 0n,
  optionEpoch: 0n,
  original: { ipBe: 0, portBe: 0 },
  writer: 0n,
  phase: Phase.NEW,
  refusal: 0,
  vetoed: 0,
  lookAgainSegments: 16,
  seenLevel: 0,
  peerSeenLevel: 0,
  peerRefusal: 0,
  queuedBytes: 0,
  linkedSeq: 0,
  crowded: 0,
  behind: 0,
  epoch: 0,
  standing: 0,
  peerReader: 0,
  peerBlocking: 0,
  refreshedJiffies: 0,
  queuedMessages: 0,
  markedMessages: 0,
  markedBytes: 0,
  smallPause: 0,
};
const FACTS: SocketFacts = {
  pid: 12,
  program: 'nginx',
  protocol: 'tcp',
  tcpState: 'ESTABLISHED',
  segmentsIn: 9,
  nonBlocking: true,
  reader: 'AUTO',
  workloadPaused: false,
  learnedBlocking: false,
  state: undefined,
  flow: undefined,
  queue: undefined,
  peerWorkload: undefined,
  fastPath: { enabled: true, paused: false, promoteAfterSegments: 8 },
  nowNs: NOW_NS,
};
const LINKED = { ...STATE, phase: Phase.LINKED };

function answer(facts: Partial<SocketFacts>): string {
  const { phase, sentences } = explainSocket({ ...FACTS, ...facts });
  return `${phase}: ${sentences[0]}`;
}

describe('the answer about a socket', () => {
  const off = { enabled: false, paused: false, promoteAfterSegments: 8 };
  it.each<[string, Partial<SocketFacts>, string]>([
    ['outside of the mesh', { reader: undefined }, 'outside: not in the mesh: it belongs to no workload'],
    ['of a workload that is off', { reader: 'OFF' }, 'outside: the fast path is off for this workload (spec.fastPath)'],
    ['of a mesh without fast path', { fastPath: off }, 'outside: the fast path is off in this mesh'],
    [
      'that listens',
      { tcpState: 'LISTEN' },
      'outside: it is in state LISTEN: only established connections are promoted',
    ],
    ['that is young', { segmentsIn: 5 }, 'waiting: not yet: 5 of 8 segments received'],
    [
      'while paused',
      { fastPath: { ...FACTS.fastPath, paused: true } },
      'waiting: not promoted: the fast path is paused',
    ],
    [
      'that exists longer than the mesh',
      {},
      'waiting: not looked at yet: the next segment that comes to it by lo or eth0 of its namespace decides',
    ],
    ['of MPTCP', { protocol: 'mptcp' }, 'refused: refused: it is an MPTCP connection'],
    [
      'with an option, before it is looked at',
      { segmentsIn: 2, state: { ...STATE, sinceNs: 0n, vetoed: 18 } },
      'waiting: will be refused: SO_RCVLOWAT was set',
    ],
    [
      'with an option',
      { state: { ...STATE, phase: Phase.REFUSED, refusal: Counter.REFUSED_OPTION, vetoed: 18 } },
      'refused: refused for good: SO_RCVLOWAT was set',
    ],
    [
      'with an option that was set before shunt looked',
      { state: { ...STATE, phase: Phase.REFUSED, refusal: Counter.REFUSED_OPTION } },
      'refused: refused for good: SO_RCVLOWAT, SO_ZEROCOPY, SO_OOBINLINE, SO_PEEK_OFF, SO_TIMESTAMP(ING), SO_MAX_PACING_RATE, TCP_INQ, TCP_REPAIR or a filter is set',
    ],
    [
      'that waits edge-triggered',
      { state: { ...STATE, refusal: Counter.REFUSED_EDGE } },
      'waiting: refused so far: the reader waits edge-triggered and is not known to read until EAGAIN (nginx, pid 12)',
    ],
    [
      'whose peer was not met',
      { state: { ...STATE, refusal: Counter.REFUSED_PEER } },
      'waiting: refused so far: the other end is of no workload or proxy of this node, or received too few segments yet',
    ],
    [
      'whose peer waits edge-triggered',
      {
        state: { ...STATE, refusal: Counter.REFUSED_PEER, peerCgroupId: 2n, peerRefusal: Outcome.READER_EDGE },
        peerWorkload: 'default/web',
      },
      'waiting: refused so far: the other end, of default/web, is not promoted: the reader at the other end waits edge-triggered',
    ],
    [
      'whose peer is refused for good',
      { state: { ...STATE, refusal: Counter.REFUSED_PEER, peerCgroupId: 2n, peerRefusal: Outcome.OPTION } },
      'waiting: refused so far: the other end has an option or a protocol that redirects would break',
    ],
    [
      'whose peer has agreed',
      { state: { ...STATE, refusal: Counter.REFUSED_PEER, peerCgroupId: 2n } },
      'waiting: refused so far: the other end may be promoted, and is yet to be looked at again',
    ],
    [
      'that waits to be entered',
      { state: { ...STATE, phase: Phase.WANTED, sinceNs: 0n } },
      'waiting: may be promoted: waits for the supervisor to enter it in the socket hash, as on this kernel only it may',
    ],
    [
      'whose peer is refused',
      { state: { ...STATE, phase: Phase.PROMOTED, peerRefusal: Outcome.READER_EDGE }, peerWorkload: 'default/web' },
      'promoted: promoted, but the peer, of default/web, is not: the reader at the other end waits edge-triggered',
    ],
    ['that is linked', { state: LINKED }, 'linked: promoted; the peer is too'],
  ])('%s', (_, facts, expected) => {
    expect(answer(facts)).toBe(expected);
  });

  it('is another for each reason that the kernel knows', () => {
    const refusals = Object.entries(Counter).filter(
      ([name]) => name.startsWith('REFUSED_') && name !== 'REFUSED_SEQUENCE',
    );
    const answers = refusals.map(([, refusal]) => answer({ state: { ...STATE, refusal } }));
    expect(new Set(answers).size).toBe(refusals.length);
    expect(answers.filter((text) => text.includes('about to close'))).toEqual([]);
    expect(OUTCOME_MEANINGS).toHaveLength(Outcome.COUNT);
    const unproven = { ...STATE, phase: Phase.PROMOTED, refusal: Counter.REFUSED_SEQUENCE };
    expect(answer({ state: unproven })).toContain('did not prove to be one connection');
  });
});

describe('the details about a promoted socket', () => {
  const sent = { ...flow(1n, 2n, { REDIRECTED: 98, HANDOVER: 2 }), promotedNs: NOW_NS - 5_000_000_000n };

  it('hold the share, the reason for the rest, and the age', () => {
    const { ageMs, sentences } = explainSocket({ ...FACTS, state: LINKED, flow: sent });
    expect(sentences[1]).toBe(
      'sends are redirected: 98.0 % of 100 bytes; most of the rest: the peer had not read all that came by TCP',
    );
    expect(ageMs).toBe(5000);
  });

  it('hold what waits to be read, and for how long, where that is known', () => {
    const queue = { cookie: 1n, cgroupId: 1n, peerCgroupId: 2n, isOpen: true, queuedBytes: 30 };
    const flow = { ...sent, queuedPeakBytes: 70 };
    const last = (facts: Partial<SocketFacts>): string | undefined =>
      explainSocket({ ...FACTS, state: LINKED, flow, ...facts }).sentences.at(-1);
    expect(last({})).toBe('at most 70 bytes waited at once');
    expect(last({ queue: { ...queue, byteNs: 0n, measuredBytes: 0n } })).toBe(
      '30 redirected bytes wait to be read; at most 70 bytes waited at once',
    );
    expect(last({ queue: { ...queue, byteNs: 1_200_000n, measuredBytes: 100n } })).toBe(
      '30 redirected bytes wait to be read; each waits 12 us on average; at most 70 bytes waited at once',
    );
  });

  it('warn of what a promoted socket must not do', () => {
    const { sentences } = explainSocket({
      ...FACTS,
      state: { ...LINKED, vetoed: 42, standing: Outcome.POLICY },
      nonBlocking: false,
      workloadPaused: true,
      flow: flow(1n, 2n, {}),
      fastPath: { ...FACTS.fastPath, paused: true },
    });
    expect(sentences.slice(1)).toEqual([
      'it has sent nothing yet',
      'the fast path is paused: every message goes by TCP now',
      'its workload is paused: every message goes by TCP now (shunt resume)',
      'its messages go by TCP: policy would refuse the connection by now',
      'SO_PEEK_OFF was set after the promotion: its messages go by TCP',
      'it was made blocking after the promotion: recv(2) may answer EAGAIN (nginx, pid 12)',
    ]);
  });
});

it('a refusal has the age of its reason, and says when it is looked at again', () => {
  const { ageMs, sentences } = explainSocket({ ...FACTS, state: { ...STATE, refusal: Counter.REFUSED_BLOCKING } });
  expect(ageMs).toBe(3000);
  expect(sentences[1]).toBe('looked at again after 16 segments; it has received 9');
});

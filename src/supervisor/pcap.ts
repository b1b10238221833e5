/** `shunt pcap`: which sockets the words of a command mean, and the one capture that may run. */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { PcapSummary } from '../api/types.ts';
import { pinsIn } from '../dataplane/layout.ts';
import { BUILT_OBJECTS } from '../dataplane/objects.ts';
import { ShuntError } from '../errors.ts';
import { Capture } from '../telemetry/capture.ts';
import { explainOne, type Scene } from './explain.ts';
import { cgroupNames } from './flows.ts';

export interface PcapRequest {
  /** Each a connection (`PID:FD`, `ADDRESS:PORT-ADDRESS:PORT`, a socket's cookie) or a workload (`envoy` too). */
  readonly flows: readonly string[];
  /** Payload that is kept of each packet. Default: all of it. */
  readonly snap: string | undefined;
  /** Of the file. Default 100 MB. */
  readonly size: string | undefined;
}

/** A packet has no more. */
const SNAP_MAX = 4096;
const SIZE_DEFAULT = 100_000_000;
/** Positions in a file are exact beyond it, but nobody means more. */
const SIZE_MAX = 1e12;
/** Room for the blocks that every file has. */
const SIZE_MIN = 1024;

/** One capture at a time: there is one place for it in the kernel, and one ring. */
export class Pcap implements Disposable {
  #capture: Capture | undefined;
  #summary: PcapSummary = { packets: 0, lost: 0, fileBytes: 0 };

  /** The file, from now on until {@link stop}, its size's end or until nobody reads it. @throws E_USAGE, E_BPF_*. */
  start(scene: Scene, { flows, snap, size }: PcapRequest): Readable {
    if (this.#capture !== undefined) {
      throw new ShuntError('E_USAGE', 'somebody captures already; there can be one capture at a time');
    }
    const limits = {
      snapBytes: whole('snap', snap ?? String(SNAP_MAX), 0, SNAP_MAX),
      maxFileBytes: whole('size', size ?? String(SIZE_DEFAULT), SIZE_MIN, SIZE_MAX),
    };
    const capture = new Capture({
      ...selectionOf(scene, flows),
      ...limits,
      mapPinDir: pinsIn(scene.instance.pinDir).maps,
      object: join(BUILT_OBJECTS, 'pcap.bpf.o'),
    });
    this.#capture = capture;
    capture.stream.once('close', () => this.#forget(capture));
    return capture.stream;
  }

  /** Ends the capture if one runs. What it, or the last one, caught. */
  stop(): PcapSummary {
    this.#capture?.finish();
    return this.#capture?.summary ?? this.#summary;
  }

  /** The file that is being read gets its end. */
  [Symbol.dispose](): void {
    this.#capture?.finish();
  }

  #forget(capture: Capture): void {
    this.#summary = capture.summary;
    if (this.#capture === capture) this.#capture = undefined;
  }
}

/** @throws E_USAGE for a word that means nothing. */
function selectionOf(scene: Scene, flows: readonly string[]): { cookies: bigint[]; cgroupIds: bigint[] } {
  if (flows.length === 0) throw new ShuntError('E_USAGE', 'nothing to capture: name connections or workloads');
  const names = [...cgroupNames(scene.instance, scene.workloads)];
  const cookies: bigint[] = [];
  const cgroupIds: bigint[] = [];
  for (const flow of flows) {
    const members = names.filter(([, name]) => name === flow || name.split('/')[1] === flow).map(([id]) => id);
    if (members.length > 0) cgroupIds.push(...members);
    else if (/^\d+$/.test(flow)) cookies.push(cookieOf(flow));
    else if (flow.includes(':')) cookies.push(...explainOne(scene, flow).map(({ cookie }) => BigInt(cookie)));
    else throw new ShuntError('E_USAGE', `${flow}: no workload of that name; \`shunt workloads\` lists them`);
  }
  return { cookies, cgroupIds };
}

/** @throws E_USAGE when no socket can have it. */
function cookieOf(text: string): bigint {
  const cookie = BigInt(text);
  if (BigInt.asUintN(64, cookie) === cookie) return cookie;
  throw new ShuntError('E_USAGE', `${text}: no socket has such a cookie; \`shunt flows -o json\` shows them`);
}

function whole(what: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (text !== '' && Number.isInteger(number) && number >= least && number <= most) return number;
  throw new ShuntError('E_USAGE', `${what} ${JSON.stringify(text)}: expected a whole number, ${least} to ${most}`);
}

/** `shunt pcap`: what promoted sockets send, as a file for Wireshark. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { ShuntError } from '../../errors.ts';
import { type Context, withApi } from '../context.ts';
import { bytes, printError } from '../output.ts';
import { wholeBlocks } from '../whole-blocks.ts';

export interface PcapOptions {
  /** `-`: standard output. */
  readonly write: string;
  /** Payload that is kept of each packet. */
  readonly snap?: number;
  /** Bytes of the file at most. */
  readonly size?: number;
  /** Seconds; absent: until interrupted. */
  readonly duration?: number;
}

/** What was said is readable by its owner alone. */
const FILE_MODE = 0o600;

export async function pcap(context: Context, flows: readonly string[], options: PcapOptions): Promise<void> {
  const { write, snap, size, duration } = options;
  if (write === '-' && process.stdout.isTTY) {
    throw new ShuntError('E_USAGE', 'pcapng is no text for a terminal: give a file, or pipe it to `wireshark -k -i -`');
  }
  // A connection of its own: the other one carries the file meanwhile.
  const stop = () => withApi(context.instance, (api) => api.stopPcap());
  const end = (): void => void stop().catch((error: Error) => printError(error.message));
  await withApi(context.instance, async (api) => {
    const file = await api.pcap(joinEnds(flows), snap, size);
    const timer = duration === undefined ? undefined : setTimeout(end, duration * 1000);
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
    try {
      await pipeline(file, wholeBlocks, write === '-' ? process.stdout : createWriteStream(write, { mode: FILE_MODE }));
    } catch (cause) {
      throw new ShuntError('E_API', `capture to ${write} was cut short: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
      process.removeListener('SIGINT', end);
      process.removeListener('SIGTERM', end);
    }
  });
  const summary = await stop().catch((error: unknown) => {
    if (error instanceof ShuntError && error.code === 'E_NOT_RUNNING') return undefined;
    throw error;
  });
  if (summary === undefined) {
    printError('the supervisor ended, and the capture with it');
    return;
  }
  const { packets, lost, fileBytes } = summary;
  if (packets + lost === 0) {
    printError(
      'no promoted connection of these sent anything: `shunt explain` says how they stand, tcpdump shows the rest',
    );
  }
  printError(`${packets} packets, ${bytes(fileBytes)}; ${lost} more were lost`);
}

/** `A:1 B:2` is one connection, as `explain` takes it. */
function joinEnds(words: readonly string[]): string[] {
  const flows: string[] = [];
  let open: string | undefined;
  for (const word of words) {
    const isEnd = /[.\]][^-,>]*:\d+$/.test(word) && !/[,>]|\d-/.test(word);
    if (isEnd && open !== undefined) {
      flows.push(`${open},${word}`);
      open = undefined;
    } else if (isEnd) {
      open = word;
    } else {
      flows.push(word);
    }
  }
  if (open !== undefined) throw new ShuntError('E_USAGE', `${open}: the other end of the connection is missing`);
  return flows;
}

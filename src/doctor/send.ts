/** Bytes from client to server by a way that is chosen, and proof that they went by it. */
import type { Lab, Pair } from './lab.ts';

/** As one message into the reader's redirected queue. @throws Error when it did not go there. */
export async function redirect(lab: Lab, { client }: Pair, bytes: number): Promise<void> {
  const before = lab.fastPath.bytes('REDIRECTED');
  await client.do('write', bytes);
  if (lab.fastPath.bytes('REDIRECTED') - before === bytes) return;
  throw new Error(`a message was not redirected: ${lab.fastPath.describeCounters()}`);
}

/** Into the reader's own queue. On lo it is there when send(2) returns. @throws Error when it did not go by TCP. */
export async function sendByTcp(lab: Lab, { client }: Pair, bytes: number): Promise<void> {
  const before = lab.fastPath.bytes('PAUSED');
  lab.fastPath.setPaused(true);
  try {
    await client.do('write', bytes);
  } finally {
    lab.fastPath.setPaused(false);
  }
  if (lab.fastPath.bytes('PAUSED') - before === bytes) return;
  throw new Error(`a message did not go by TCP: ${lab.fastPath.describeCounters()}`);
}

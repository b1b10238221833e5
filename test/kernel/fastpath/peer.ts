/** native/peer, driven by a test: one end of one connection that does what it is told. */
import { fileURLToPath } from 'node:url';
import { type Answer, Peer as DoctorPeer } from '../../../src/doctor/peer.ts';
import { patient } from '../../support/patience.ts';

export type { Answer };

export const NATIVE = fileURLToPath(new URL('../../../build/native', import.meta.url));

/** Their last word is the time that they may take, in milliseconds. */
const TIMED = ['read', 'echo', 'ask', 'write-all'];

/** How `read` waits; see native/peer/peer.c. */
export type Wait =
  | 'level'
  | 'edge'
  | 'edge-short'
  | 'oneshot'
  | 'nested-level'
  | 'nested-edge'
  | 'output'
  | 'poll'
  | 'select'
  | 'none';

/** Of the doctor, whose waits are scaled. */
export class Peer extends DoctorPeer {
  /** `through` executes it. */
  constructor(netns: string, cgroup: string, through: readonly string[] = []) {
    super([...through, `${NATIVE}/peer`], netns, cgroup, 'inherit');
  }

  override async try(...command: readonly (string | number)[]): Promise<Answer> {
    const isTimed = TIMED.includes(`${command[0]}`);
    return await super.try(...(isTimed ? command.with(-1, patient(Number(command.at(-1)))) : command));
  }
}

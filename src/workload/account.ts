/** The account that a workload's program runs as, from the node's user database. */
import { ShuntError } from '../errors.ts';
import { tryCommand } from './command.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** By name or number, through nsswitch (files, LDAP, systemd). @throws E_WORKLOAD when there is no such account. */
export async function findAccount(user: string): Promise<Account> {
  const { status, stdout } = await tryCommand('getent', ['passwd', '--', user]);
  const [name, , uid, gid, , home, shell] = stdout.trimEnd().split(':');
  if (status !== 0 || name === undefined || uid === undefined || gid === undefined) {
    throw new ShuntError('E_WORKLOAD', `user ${JSON.stringify(user)}: no such account on this node`);
  }
  return { name, uid: Number(uid), gid: Number(gid), home: home ?? '/', shell: shell ?? '/bin/sh' };
}

/** The one connected TCP socket of the one process in a cgroup, looked at from outside. */
import { readdirSync, readFileSync } from 'node:fs';
import { lookAtTcp, type TcpLook, withDescriptorOf } from '../../../src/bpf/socket.ts';
import type { SocketState } from '../../../src/generated/abi.ts';
import type { FastPath } from '../../support/fastpath-fixture.ts';

const ESTABLISHED = 1;

export interface Looked extends TcpLook {
  readonly pid: number;
  readonly fd: number;
  readonly state: SocketState | undefined;
}

export function lookIn(cgroup: string, fastPath: FastPath): Looked {
  const pid = Number(readFileSync(`${cgroup}/cgroup.procs`, 'utf8').trim());
  for (const fd of readdirSync(`/proc/${pid}/fd`).map(Number)) {
    const looked = withDescriptorOf(pid, fd, (copy) => {
      const look = lookAtTcp(copy);
      return look?.tcpState === ESTABLISHED ? { ...look, pid, fd, state: fastPath.state(copy) } : undefined;
    });
    if (looked !== undefined) return looked;
  }
  throw new Error(`process ${pid} in ${cgroup} has no connected TCP socket`);
}

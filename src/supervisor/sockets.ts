/** Finds the TCP sockets of processes and asks kernel and programs about them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { inNetns } from '../bpf/netns.ts';
import { lookAtTcp, type TcpLook, withDescriptorOf } from '../bpf/socket.ts';
import type { Dataplane } from '../dataplane/dataplane.ts';
import type { SocketState } from '../generated/abi.ts';
import { parseProcNetTcp, type TcpRow } from '../telemetry/proc-net.ts';

/** A descriptor that is a socket; of what kind is not known yet. */
export interface Descriptor {
  readonly pid: number;
  readonly fd: number;
  readonly inode: number;
}

export interface Looked extends TcpLook {
  readonly state: SocketState | undefined;
}

/** Sockets that the process holds open; none when it is gone. */
export function descriptorsOf(pid: number): Descriptor[] {
  return orNone(() => readdirSync(`/proc/${pid}/fd`)).flatMap((fd) => descriptor(pid, Number(fd)) ?? []);
}

/** undefined when the descriptor is not open or no socket. */
export function descriptor(pid: number, fd: number): Descriptor | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
    return inode === undefined ? undefined : { pid, fd, inode: Number(inode) };
  } catch {
    return undefined;
  }
}

/**
 * By inode. Enters each namespace for the moment of reading; one that is gone has no sockets. Not getpeername(2) of a copied
 * descriptor, which sees short connections too: of a captured one it answers with the address that the program asked for.
 */
export function tcpRowsIn(namespacePaths: readonly string[]): Map<number, TcpRow> {
  const rows = namespacePaths.flatMap((path) => orNone(() => inNetns(path, () => readTables('thread-self'))));
  return new Map(rows.map((row) => [row.inode, row]));
}

/** Of the namespace that the process is in, which need not be its sockets'. */
export function tcpRowsOf(pid: number): Map<number, TcpRow> {
  return new Map(orNone(() => readTables(String(pid))).map((row) => [row.inode, row]));
}

/** What the socket says, and what the programs keep about it; undefined when it is gone or no TCP socket. */
export function look({ pid, fd }: Descriptor, dataplane: Dataplane): Looked | undefined {
  return withDescriptorOf(pid, fd, (copy) => {
    const seen = lookAtTcp(copy);
    return seen && { ...seen, state: dataplane.readSocketState(copy) };
  });
}

/**
 * For people: what the process calls itself (`node`, `nginx`), for one executable may be several programs. It may call
 * itself anything, so what would move a terminal's cursor is replaced. `?` when it is gone.
 */
export function programName(pid: number): string {
  try {
    const [command = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split(/[\0 ]/, 1);
    return (
      basename(command)
        .replace(/:$/, '')
        .replaceAll(/[^\x21-\x7e]/g, '?') || '?'
    );
  } catch {
    return '?';
  }
}

function readTables(process: string): TcpRow[] {
  return ['tcp', 'tcp6'].flatMap((table) => parseProcNetTcp(readFileSync(`/proc/${process}/net/${table}`, 'utf8')));
}

function orNone<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch {
    return [];
  }
}

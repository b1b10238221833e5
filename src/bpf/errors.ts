/** Results of libbpf and of system calls to ShuntError: the only place where an errno becomes text. */
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import { type ErrorCode, ShuntError } from '../errors.ts';

/** Errno values that src/bpf tells apart. The same on x86-64 and AArch64. */
export const EPERM = 1;
export const ENOENT = 2;
export const EAGAIN = 11;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOSPC = 28;
/** Kernel-internal, but reaches user space from BPF: "operation not supported". */
const ENOTSUPP = 524;

/** `ENOENT`; `errno 999` for a number without a name. */
export function errnoName(errno: number): string {
  if (errno === ENOTSUPP) return 'ENOTSUPP';
  const name = getSystemErrorName(-errno);
  return name.startsWith('E') ? name : `errno ${errno}`;
}

function errnoText(errno: number): string {
  if (errno === ENOTSUPP) return 'not supported by this kernel (ENOTSUPP)';
  const name = errnoName(errno);
  return name.startsWith('errno') ? name : `${getSystemErrorMessage(-errno)} (${name})`;
}

/** What to do about an errno, where that is always the same. */
function advice(errno: number): string {
  if (errno === EPERM) return '; needs root (CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN)';
  return '';
}

/** @param what What failed and where, for example `pin map settings to /sys/fs/bpf/x`. @param hint Said after the errno. */
export function failure(
  code: ErrorCode,
  what: string,
  syscall: string,
  errno: number,
  hint = '',
  cause?: unknown,
): ShuntError {
  const said = hint === '' ? '' : `: ${hint}`;
  return new ShuntError(code, `${what}: ${errnoText(errno)}${said}${advice(errno)}`, { errno, syscall, cause });
}

/** A call through a closed object. A crash or another descriptor's data would follow otherwise. */
export function closed(code: ErrorCode, what: string): ShuntError {
  return new ShuntError(code, `${what} was used after it was closed`);
}

/** A result of libbpf: negative is -errno. Returns what is not. */
export function check(code: ErrorCode, what: string, syscall: string, result: number): number {
  if (result < 0) throw failure(code, what, syscall, -result);
  return result;
}

import { log } from "./log";
import { LogLevel } from "./status";

/**
 * What the compiler calls for a failed assertion or a throw (`--use abort=proxyWasmAbort`): says where, then traps. The host answers
 * that request with 503 and, with FAIL_RELOAD, makes a fresh VM.
 */
// @ts-ignore: decorator
@global
export function proxyWasmAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message === null ? "" : message;
  const where = file === null ? "?" : file;
  log(LogLevel.Critical, "abort: " + what + " at " + where + ":" + line.toString() + ":" + column.toString());
  unreachable();
}

import { OUT } from "./arena";
import { proxy_get_log_level, proxy_log } from "./imports";
import { LogLevel, Status } from "./status";

/** One line in the proxy's log. Never put secrets or whole headers into it. */
export function log(level: LogLevel, message: string): void {
  const line = String.UTF8.encode(message);
  proxy_log(level, changetype<usize>(line), line.byteLength);
}

/** Whether a line of this level would be written: ask before composing an expensive one. */
export function logs(level: LogLevel): bool {
  return proxy_get_log_level(OUT) != Status.Ok || load<i32>(OUT) <= level;
}

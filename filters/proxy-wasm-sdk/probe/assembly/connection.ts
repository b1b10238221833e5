import { Action, TcpContext, utf8 } from "../../assembly";
import { downstreamData, upstreamData } from "../../assembly/body";
import { log } from "../../assembly/log";
import { DataAction, LogLevel } from "../../assembly/status";

const GREETING = utf8("<");

/** Marks what passes; `hold` waits, `close` closes. */
export class ProbeConnection extends TcpContext {
  onNewConnection(): Action {
    log(LogLevel.Info, "connected");
    return Action.Continue;
  }

  onDownstreamData(size: i32, endOfStream: bool): DataAction {
    const data = downstreamData.read(0, size);
    const text = data === null ? "" : data.toString();
    if (text == "hold") log(LogLevel.Info, "held " + size.toString());
    if (text == "hold") return DataAction.PauseAndBuffer;
    if (text == "close") this.close();
    downstreamData.prepend(GREETING);
    return DataAction.Continue;
  }

  onUpstreamData(size: i32, endOfStream: bool): DataAction {
    upstreamData.append(utf8(">" + size.toString() + (endOfStream ? "!" : "")));
    return DataAction.Continue;
  }

  onDownstreamClose(byPeer: bool): void {
    log(LogLevel.Info, "downstream closed " + byPeer.toString());
  }

  onUpstreamClose(byPeer: bool): void {
    log(LogLevel.Info, "upstream closed " + byPeer.toString());
  }
}

import {
  Bytes, Counter, HttpContext, log, LogLevel, nowNs, Pairs, RootContext, setTickPeriodMs,
} from "proxy-wasm-sdk/assembly";
import { Chance } from "./chance";
import { Config, readConfig } from "./config";
import { Delays } from "./delays";
import { Rule } from "./rule";
import { FaultStream } from "./stream";
import { isOff, SwitchStream } from "./switch";

/** One configuration. */
export class FaultRoot extends RootContext {
  private config: Config = new Config();
  private delays: Delays = new Delays();
  private tickMs: u32 = 0;
  chance: Chance = new Chance(0);

  onConfigure(text: Bytes): bool {
    const config = readConfig(text);
    if (config.problem.length > 0) {
      log(LogLevel.Error, "shunt.fault: configuration refused: " + config.problem);
      return false;
    }
    for (let i = 0; i < config.rules.length; i++) {
      const rule = config.rules[i];
      const prefix = "shunt_fault." + config.name + "." + rule.name;
      if (rule.delayChance > 0) rule.delayed = new Counter(prefix + ".delayed");
      if (rule.abortChance > 0) rule.aborted = new Counter(prefix + ".aborted");
    }
    this.chance = new Chance(nowNs() ^ (<u64>this.id << 32));
    this.config = config;
    return true;
  }

  createHttpContext(): HttpContext {
    if (this.config.isSwitch) return new SwitchStream();
    return new FaultStream(this);
  }

  /** The first rule that is for a request. */
  ruleFor(headers: Pairs): Rule | null {
    const rules = this.config.rules;
    for (let i = 0; i < rules.length; i++) {
      const rule = unchecked(rules[i]);
      if (rule.isFor(headers)) return rule;
    }
    return null;
  }

  hold(stream: FaultStream, delayMs: u32): void {
    this.delays.hold(stream, delayMs);
    // a tick that comes before then looks again when the next is due
    if (this.tickMs == 0 || delayMs < this.tickMs) this.tick();
  }

  forget(delayMs: u32): void {
    this.delays.forget(delayMs);
  }

  onTick(): void {
    this.delays.release(isOff());
    this.enterHost();
    this.tick();
  }

  /** No ticks will come any more: what waits goes on now. */
  onDone(): bool {
    this.delays.release(true);
    return true;
  }

  private tick(): void {
    const next = this.delays.nextMs();
    if (next == this.tickMs) return;
    this.tickMs = next;
    setTickPeriodMs(next);
  }
}

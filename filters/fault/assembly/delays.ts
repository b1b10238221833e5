import { nowNs } from "proxy-wasm-sdk/assembly";
import { FaultStream } from "./stream";

const MS: u64 = 1_000_000;
/** How soon what waits hears that faults are turned off. */
const LONGEST_TICK_MS: u64 = 100;

/** Streams that wait for the same time: the first to come is the first to go. */
class Line {
  streams: FaultStream[] = [];
  dueNs: u64[] = [];
  first: i32 = 0;
  /** How many of them have ended. */
  left: i32 = 0;

  constructor(readonly delayMs: u32) {}

  /** Drops those that went on or ended. */
  compact(): void {
    const streams: FaultStream[] = [];
    const dueNs: u64[] = [];
    for (let i = this.first; i < this.streams.length; i++) {
      if (!this.streams[i].waiting) continue;
      streams.push(this.streams[i]);
      dueNs.push(this.dueNs[i]);
    }
    this.streams = streams;
    this.dueNs = dueNs;
    this.first = 0;
    this.left = 0;
  }
}

/** Requests that are held back. Nothing waits in the worker: it is the host's timer that brings them on. */
export class Delays {
  private lines: Line[] = [];

  hold(stream: FaultStream, delayMs: u32): void {
    const line = this.line(delayMs);
    line.streams.push(stream);
    line.dueNs.push(nowNs() + <u64>delayMs * MS);
  }

  /** A stream ended before its time. Clients that come and leave must not fill memory until their time has come. */
  forget(delayMs: u32): void {
    const line = this.line(delayMs);
    if (++line.left * 2 > line.streams.length - line.first) line.compact();
  }

  /** Lets go what has waited long enough, or all. */
  release(all: bool): void {
    const now = nowNs();
    for (let i = 0; i < this.lines.length; i++) {
      const line = this.lines[i];
      while (line.first < line.streams.length) {
        const due = line.dueNs[line.first];
        // further ahead than it was at first: the clock was set back
        if (!all && due > now && due - now <= <u64>line.delayMs * MS) break;
        line.streams[line.first++].goOn(all);
      }
      if (line.first * 2 > line.streams.length) line.compact();
    }
  }

  /** Until the next look; 0: nothing waits. */
  nextMs(): u32 {
    const now = nowNs();
    let next: u64 = u64.MAX_VALUE;
    for (let i = 0; i < this.lines.length; i++) {
      const line = this.lines[i];
      if (line.first == line.streams.length) continue;
      const due = line.dueNs[line.first];
      const wait = due > now ? min((due - now + MS - 1) / MS, line.delayMs) : 1;
      next = min(next, max(wait, 1));
    }
    return next == u64.MAX_VALUE ? 0 : <u32>min(next, LONGEST_TICK_MS);
  }

  private line(delayMs: u32): Line {
    for (let i = 0; i < this.lines.length; i++) if (this.lines[i].delayMs == delayMs) return this.lines[i];
    const line = new Line(delayMs);
    this.lines.push(line);
    return line;
  }
}

import { ALWAYS } from "./rule";

/** Random decisions (splitmix64). The host's clock seeds it: under a clock that a test moves, the same ones every time. */
export class Chance {
  constructor(private state: u64) {}

  /** True in `share` out of ALWAYS cases. Asks the source for nothing where the answer is known. */
  hits(share: u32): bool {
    if (share == 0) return false;
    if (share >= ALWAYS) return true;
    this.state += 0x9e3779b97f4a7c15;
    let x = this.state;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return (x ^ (x >> 31)) % ALWAYS < share;
  }
}

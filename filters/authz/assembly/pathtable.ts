import { Bytes, BytesMap, fnv1a } from "proxy-wasm-sdk/assembly";
import { Asked } from "./asked";
import { Check, Checks } from "./checks";

/**
 * Checks by a piece of the path: its beginning or its end. A look-up hashes the path once for each length that occurs
 * (beginnings: once in all), however many checks there are, and never reads more of a path than the longest key.
 */
export class PathTable {
  private checks: BytesMap<Checks> = new BytesMap<Checks>();
  /** Rising. */
  private lengths: i32[] = [];

  add(key: ArrayBuffer, check: Check): void {
    const index = this.checks.find(Bytes.of(key));
    if (index >= 0) {
      this.checks.valueAt(index).add(check);
      return;
    }
    const checks = new Checks();
    checks.add(check);
    this.checks.set(key, checks);
    this.addLength(key.byteLength);
  }

  private addLength(length: i32): void {
    const lengths = this.lengths;
    if (lengths.includes(length)) return;
    let at = lengths.push(length) - 1;
    for (; at > 0 && lengths[at - 1] > length; at--) lengths[at] = lengths[at - 1];
    lengths[at] = length;
  }

  /** Keys that are the whole path. */
  lowestWhole(best: i32, path: Bytes, asked: Asked): i32 {
    const lengths = this.lengths;
    if (lengths.length == 0 || path.length > lengths[lengths.length - 1]) return best;
    return this.lookUp(best, path.start, path.length, fnv1a(path.start, path.length), asked);
  }

  /** Keys that the path begins with. */
  lowestPrefix(best: i32, path: Bytes, asked: Asked): i32 {
    const lengths = this.lengths;
    let hash = fnv1a(path.start, 0);
    let hashed = 0;
    for (let i = 0; i < lengths.length; i++) {
      const length = unchecked(lengths[i]);
      if (length > path.length) break;
      hash = fnv1a(path.start + hashed, length - hashed, hash);
      hashed = length;
      best = this.lookUp(best, path.start, length, hash, asked);
    }
    return best;
  }

  /** Keys that the path ends with. */
  lowestSuffix(best: i32, path: Bytes, asked: Asked): i32 {
    const lengths = this.lengths;
    for (let i = 0; i < lengths.length; i++) {
      const length = unchecked(lengths[i]);
      if (length > path.length) break;
      const start = path.start + path.length - length;
      best = this.lookUp(best, start, length, fnv1a(start, length), asked);
    }
    return best;
  }

  private lookUp(best: i32, start: usize, length: i32, hash: u32, asked: Asked): i32 {
    const index = this.checks.index.findHashed(start, length, hash);
    return index < 0 ? best : this.checks.valueAt(index).lowest(best, asked);
  }
}

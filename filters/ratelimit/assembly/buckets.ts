import { allocate, Bytes, nowNs, sharedCreate, sharedGet, sharedReplace, Status } from "proxy-wasm-sdk/assembly";
import { Draw, Limit, LONGEST_FILL_NS } from "./bucket";

/**
 * All buckets of this vm_id, in shared data: every worker draws from the same ones. A host never deletes a key, so there
 * is a fixed number of them, each a list of (hash, fullAtNs). Buckets that are full again are left out when a list is
 * written; a list is never longer than MOST_ENTRIES.
 */
const KEYS: u32 = 1024;
/** Beyond it, new callers of a rule share one bucket of this key: no caller ever gets more than the rule says. */
const OWN_BUCKETS: i32 = 64;
const MOST_ENTRIES: i32 = 128;
const ENTRY: i32 = 16;
/** Losing so often means that the host does not work. */
const MOST_TRIES: i32 = 10_000;

let keys: StaticArray<ArrayBuffer | null> = new StaticArray<ArrayBuffer | null>(KEYS);

function keyOf(hash: u64): ArrayBuffer {
  const index = <i32>(hash >> 32) & (KEYS - 1);
  let key = keys[index];
  if (key === null) {
    key = String.UTF8.encode("shunt_ratelimit." + index.toString());
    keys[index] = key;
  }
  return key;
}

/**
 * Takes a token from the bucket `hash`; `rule` names the bucket that is shared when there are too many. False: the host
 * did not let it (or the list is full of other rules' shared buckets); nothing was taken then.
 */
export function draw(hash: u64, rule: u64, limit: Limit, result: Draw): bool {
  const key = keyOf(hash);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const shared = sharedGet(key);
    // after the read: no bucket is then ahead of the clock because another worker was faster
    const now = nowNs();
    if (now == 0) return false;
    const old = shared === null ? Bytes.at(0, 0) : shared.bytes;
    const list = live(old, now);
    let at = find(list, hash);
    if (at < 0) {
      const common = find(list, rule);
      const full = common < 0 ? now : load<u64>(list.start + common, 8);
      if (count(list) < OWN_BUCKETS) at = append(list, hash, full);
      else if (common >= 0) at = common;
      else if (count(list) < MOST_ENTRIES) at = append(list, rule, now);
      else return false;
    }
    result.take(limit, load<u64>(list.start + at, 8), now);
    if (!result.changed) return true;
    store<u64>(list.start + at, result.fullAtNs, 8);
    const status = shared === null ? sharedCreate(key, list.copy()) : sharedReplace(key, list.copy(), shared.cas);
    if (status == Status.Ok) return true;
    if (status != Status.CasMismatch) return false;
  }
  return false;
}

/** The buckets that are not full, with room for one more behind them. */
function live(old: Bytes, now: u64): Bytes {
  const list = Bytes.at(allocate(old.length + ENTRY), 0);
  for (let at: i32 = 0; at + ENTRY <= old.length; at += ENTRY) {
    const fullAt = load<u64>(old.start + at, 8);
    if (fullAt > now) append(list, load<u64>(old.start + at), min(fullAt, now + LONGEST_FILL_NS));
  }
  return list;
}

function count(list: Bytes): i32 {
  return list.length / ENTRY;
}

function find(list: Bytes, hash: u64): i32 {
  for (let at: i32 = 0; at < list.length; at += ENTRY) if (load<u64>(list.start + at) == hash) return at;
  return -1;
}

function append(list: Bytes, hash: u64, fullAtNs: u64): i32 {
  const at = list.length;
  store<u64>(list.start + at, hash);
  store<u64>(list.start + at, fullAtNs, 8);
  list.length += ENTRY;
  return at;
}

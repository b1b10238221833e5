import { Context } from "./context";

/** Contexts by the host's number. Streams come and go by the thousand: neither makes garbage nor leaves a gap behind. */
export class ContextMap {
  private ids: StaticArray<u32> = new StaticArray<u32>(64);
  /** null: free. */
  private contexts: StaticArray<Context | null> = new StaticArray<Context | null>(64);
  private count: i32 = 0;

  get size(): i32 {
    return this.count;
  }

  /** In no order. */
  get keys(): u32[] {
    const keys: u32[] = [];
    for (let i = 0; i < this.ids.length; i++) if (this.contexts[i] !== null) keys.push(this.ids[i]);
    return keys;
  }

  find(id: u32): Context | null {
    return unchecked(this.contexts[this.slot(id)]);
  }

  set(id: u32, context: Context): void {
    if ((this.count + 1) * 2 > this.ids.length) this.grow();
    const slot = this.slot(id);
    if (this.contexts[slot] === null) this.count++;
    this.ids[slot] = id;
    this.contexts[slot] = context;
  }

  /** Entries behind the gap that belong before it move into it, so that a search may end at the first free slot. */
  delete(id: u32): void {
    let gap = this.slot(id);
    if (this.contexts[gap] === null) return;
    this.count--;
    const mask = this.ids.length - 1;
    for (let slot = (gap + 1) & mask; this.contexts[slot] !== null; slot = (slot + 1) & mask) {
      const home = this.home(this.ids[slot]);
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.ids[gap] = this.ids[slot];
      this.contexts[gap] = this.contexts[slot];
      gap = slot;
    }
    this.contexts[gap] = null;
  }

  /** Hosts count up: neighbours in time are neighbours here. */
  private home(id: u32): i32 {
    return id & (this.ids.length - 1);
  }

  /** Where the id is, or the free slot where it would be. */
  private slot(id: u32): i32 {
    const mask = this.ids.length - 1;
    let slot = this.home(id);
    while (unchecked(this.contexts[slot]) !== null && unchecked(this.ids[slot]) != id) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(): void {
    const ids = this.ids;
    const contexts = this.contexts;
    this.ids = new StaticArray<u32>(ids.length * 2);
    this.contexts = new StaticArray<Context | null>(ids.length * 2);
    this.count = 0;
    for (let i = 0; i < ids.length; i++) {
      const context = contexts[i];
      if (context !== null) this.set(ids[i], context);
    }
  }
}

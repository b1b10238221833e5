/** @internal What every filter exports, whichever contexts it has. */
import { allocate, enter, leave } from "../arena";
import { configuration } from "../body";
import { rootOf } from "../registry";

export function proxy_abi_version_0_2_1(): void {}

/** The host takes memory here for what it hands out. */
export function proxy_on_memory_allocate(size: u32): usize {
  return allocate(size);
}

export function proxy_on_vm_start(id: u32, size: i32): u32 {
  enter();
  const root = rootOf(id);
  const ok = root !== null && root.onStart(configuration(true, size));
  leave();
  return ok ? 1 : 0;
}

export function proxy_on_configure(id: u32, size: i32): u32 {
  enter();
  const root = rootOf(id);
  const ok = root !== null && root.onConfigure(configuration(false, size));
  leave();
  return ok ? 1 : 0;
}

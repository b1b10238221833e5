/** Makes the data plane of an instance, or takes over the one that runs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ShuntError } from '../errors.ts';
import type { Instance } from '../instance.ts';
import { adopt } from './adopt.ts';
import { type Attach, kernelAttach } from './attach.ts';
import { attachAndPin } from './create.ts';
import { Dataplane } from './dataplane.ts';
import type { Promotion } from './hooks.ts';
import { pinsIn, publishedDirs, retiredDir, unpublishedDir } from './layout.ts';
import { lockPins } from './lock.ts';
import { dropMirror } from './mirror.ts';
import { BUILT_OBJECTS, Objects } from './objects.ts';
import { takeDown } from './take-down.ts';

export interface OpenDataplaneOptions {
  /** Default true. false: the fast path's object is not loaded; what an earlier process attached of it is detached. */
  readonly fastPath?: boolean;
  /** Who promotes. Default: tc, or the iterator where the kernel refuses that. */
  readonly promotion?: Promotion;
  /** Directory of capture.bpf.o and fastpath.bpf.o. Default: build/bpf. */
  readonly objects?: string;
  /** Replaces single steps, so that a test can make them fail. */
  readonly attach?: Partial<Attach>;
}

/**
 * Creates or adopts, under a lock. The instance's cgroups must exist. What is created appears whole or not at all: on
 * failure it is undone, and what a crash leaves is removed by the next call or by `removeDataplane`. New maps are empty:
 * nothing is captured, nothing promoted, until they are filled. What is adopted keeps maps, counters, flows, and also
 * `paused`. A kernel that refuses the fast path gets capture alone; `opened.fastPathRefusal` says why. Dispose the result: that closes descriptors and leaves everything attached. Least kernel: 5.15.
 * @throws E_LOCKED, E_ABI when another ABI version is pinned, E_BPF_OPEN, E_BPF_LOAD, E_BPF_ATTACH, E_BPF_PIN.
 */
export function openDataplane(instance: Instance, options: OpenDataplaneOptions = {}): Dataplane {
  using _lock = lockPins(instance);
  const stranger = publishedDirs(instance).find((directory) => directory !== instance.pinDir);
  if (stranger !== undefined) {
    throw new ShuntError('E_ABI', `${stranger} is of another ABI version; run \`shunt down\` first`);
  }
  takeDown(unpublishedDir(instance));
  takeDown(retiredDir(instance));

  const attach: Attach = { ...kernelAttach, ...options.attach };
  const adopting = existsSync(instance.pinDir);
  const pins = pinsIn(adopting ? instance.pinDir : unpublishedDir(instance));
  using undo = new DisposableStack();
  if (!adopting) undo.defer(() => takeDown(pins.root));
  const objects = undo.use(
    Objects.load({
      directory: options.objects ?? BUILT_OBJECTS,
      mapPinDir: join(pins.maps),
      fastPath: options.fastPath ?? true,
      promotion: options.promotion,
    }),
  );
  let changes: string[];
  if (adopting) {
    dropMirror(pins.maps);
    changes = adopt(instance, objects, pins, attach);
  } else {
    attachAndPin(instance, objects, pins, attach);
    attach.publish(pins.root, instance.pinDir);
    changes = ['created'];
  }
  const { fastPathRefusal } = objects;
  const opened = { adopted: adopting, changes, ...(fastPathRefusal === undefined ? {} : { fastPathRefusal }) };
  const dataplane = new Dataplane(instance, objects, attach, opened);
  undo.move();
  return dataplane;
}

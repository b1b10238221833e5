/** Links: an attachment as a descriptor. Detached by the kernel when the last descriptor and pin is gone. */
import { rmSync } from 'node:fs';
import { ShuntError } from '../errors.ts';
import { check, closed } from './errors.ts';
import { libbpf, libc } from './ffi.ts';
import { linkProgramId, tagOfProgram } from './info.ts';
import { openPin, pinFd } from './pins.ts';
import type { BpfProgram } from './program.ts';
import { track } from './registry.ts';

/** An attached program. Least kernel: 5.7 (cgroup). Use after dispose throws E_BPF_ATTACH. */
export class BpfLink implements Disposable {
  readonly #what: string;
  readonly #untrack: () => void;
  #fd: number;
  /** Where {@link pin} or {@link open} found it. */
  #path: string | undefined;

  /** For src/bpf alone: owns the descriptor. */
  constructor(fd: number, what: string, path?: string) {
    this.#fd = fd;
    this.#what = `link ${what}`;
    this.#path = path;
    this.#untrack = track(this.#what);
  }

  /** Opens a pinned link. Dispose it. @throws E_BPF_PIN. */
  static open(path: string): BpfLink {
    return new BpfLink(openPin(path, 'link'), path, path);
  }

  get fd(): number {
    if (this.#fd < 0) throw closed('E_BPF_ATTACH', this.#what);
    return this.#fd;
  }

  /** The file keeps the program attached without this process. @throws E_BPF_PIN, also when the path exists. */
  pin(path: string): void {
    pinFd(this.fd, path, this.#what);
    this.#path = path;
  }

  /** Removes the pin; the program stays attached until the link is disposed. Nothing pinned: nothing happens. */
  unpin(): void {
    if (this.#path === undefined) return;
    try {
      rmSync(this.#path, { force: true });
    } catch (cause) {
      throw new ShuntError('E_BPF_PIN', `unpin ${this.#what}: ${(cause as Error).message}`, { cause });
    }
    this.#path = undefined;
  }

  /**
   * Replaces the program in one step: no connection sees none. On failure the old one stays attached.
   * @throws E_BPF_ATTACH.
   */
  update(program: BpfProgram): void {
    const what = `replace the program of ${this.#what} by ${program.name}`;
    check('E_BPF_ATTACH', what, 'bpf_link_update', libbpf().linkUpdate(this.fd, program.fd, null));
  }

  /** Tag of the program that is attached now. @throws E_BPF_ATTACH when the link was detached. */
  programTag(): string {
    const id = linkProgramId(this.fd, this.#what);
    if (id === 0) throw new ShuntError('E_BPF_ATTACH', `${this.#what} is detached`);
    return tagOfProgram(id);
  }

  /** Detaches now, whatever pins and descriptors of the link exist; the link stays open, without effect. */
  detach(): void {
    check('E_BPF_ATTACH', `detach ${this.#what}`, 'bpf_link_detach', libbpf().linkDetach(this.fd));
  }

  /** Closes our descriptor. A pinned link stays attached; another is detached. Safe to call twice. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#untrack();
    libc().close(fd);
  }
}

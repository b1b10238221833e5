/** Loaded programs and the ways to attach them. */
import { closeSync, constants, openSync } from 'node:fs';
import { ShuntError } from '../errors.ts';
import { check, closed } from './errors.ts';
import { addressOf, libbpf, libc } from './ffi.ts';
import { programInfo } from './info.ts';
import { BpfLink } from './link.ts';
import type { BpfMap } from './map.ts';
import { openPin, pinFd } from './pins.ts';
import { track } from './registry.ts';

/** enum bpf_attach_type; these never change. */
const BPF_SK_MSG_VERDICT = 7;

/** An Ethernet header and a little more: the kernel asks for at least the header. */
const PACKET_BYTES = 64;

/** How a program can be attached to a map of sockets. */
export type MapAttachType = 'sk_msg';
const MAP_ATTACH_TYPES = { sk_msg: BPF_SK_MSG_VERDICT } as const satisfies Record<MapAttachType, number>;

/**
 * A program in the kernel. From `BpfObject.program` it is valid until the object closes; from {@link openPinned} until it
 * is disposed. What it is attached to does not depend on this object.
 */
export class BpfProgram implements Disposable {
  readonly name: string;
  /** enum bpf_attach_type from the program's section; undefined for one opened from a pin (the kernel does not tell). */
  readonly #attachType: number | undefined;
  #fd: number;
  readonly #release: (fd: number) => void;

  /** For src/bpf alone. @param release Called once, by the first dispose. */
  constructor(name: string, fd: number, attachType: number | undefined, release: (fd: number) => void) {
    this.name = name;
    this.#fd = fd;
    this.#attachType = attachType;
    this.#release = release;
  }

  /** Opens a pinned program, to attach it by tc or to a map, or to read its tag. Dispose it. @throws E_BPF_PIN. */
  static openPinned(path: string): BpfProgram {
    const fd = openPin(path, 'program');
    const untrack = track(`program ${path}`);
    return new BpfProgram(path, fd, undefined, (open) => {
      untrack();
      libc().close(open);
    });
  }

  get fd(): number {
    if (this.#fd < 0) throw closed('E_BPF_ATTACH', `program ${this.name}`);
    return this.#fd;
  }

  /** Hash of the instructions, 16 hex digits: tells whether an attached program is this one. */
  get tag(): string {
    return programInfo(this.fd, `program ${this.name}`).tag;
  }

  /**
   * Attaches to a cgroup v2 directory, beside other programs (BPF_F_ALLOW_MULTI). Dispose the link. Least kernel: 5.7.
   * @throws E_BPF_ATTACH.
   */
  attachCgroup(cgroupPath: string): BpfLink {
    const what = `attach program ${this.name} to cgroup ${cgroupPath}`;
    if (this.#attachType === undefined) {
      throw new ShuntError('E_BPF_ATTACH', `${what}: a program opened from a pin has no attach type; load the object`);
    }
    let directory: number;
    try {
      directory = openSync(cgroupPath, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (cause) {
      throw new ShuntError('E_BPF_ATTACH', `${what}: ${(cause as Error).message}`, { cause, syscall: 'open' });
    }
    try {
      const fd = libbpf().linkCreate(this.fd, directory, this.#attachType, null);
      check('E_BPF_ATTACH', what, 'bpf_link_create', fd);
      return new BpfLink(fd, `${this.name} on ${cgroupPath}`);
    } finally {
      closeSync(directory);
    }
  }

  /**
   * Attaches to a SOCKMAP or SOCKHASH; replaces the program that was attached the same way. Stays until
   * {@link detachFromMap} or until the map goes, and the map lives while a socket is in it.
   * @throws E_BPF_ATTACH.
   */
  attachToMap<K, V>(map: BpfMap<K, V>, type: MapAttachType): void {
    const what = `attach program ${this.name} to map ${map.definition.name}`;
    const result = libbpf().programAttach(this.fd, map.fd, MAP_ATTACH_TYPES[type], 0);
    check('E_BPF_ATTACH', what, 'bpf_prog_attach', result);
  }

  /** @throws E_BPF_ATTACH, also when this program is not the one attached. */
  detachFromMap<K, V>(map: BpfMap<K, V>, type: MapAttachType): void {
    const what = `detach program ${this.name} from map ${map.definition.name}`;
    const result = libbpf().programDetach(this.fd, map.fd, MAP_ATTACH_TYPES[type]);
    check('E_BPF_ATTACH', what, 'bpf_prog_detach2', result);
  }

  /**
   * Runs a tc program once, now, on an empty packet that is on no device (BPF_PROG_TEST_RUN). Returns what it returned.
   * @throws E_SYSCALL.
   */
  run(): number {
    // struct bpf_test_run_opts (libbpf.h): sz, data_in at 8, data_size_in at 24, retval at 56, repeat at 60.
    const packet = Buffer.alloc(PACKET_BYTES);
    const options = Buffer.alloc(80);
    options.writeBigUInt64LE(BigInt(options.length), 0);
    options.writeBigUInt64LE(addressOf(packet), 8);
    options.writeUInt32LE(packet.length, 24);
    options.writeInt32LE(1, 60);
    check('E_SYSCALL', `run program ${this.name}`, 'bpf_prog_test_run_opts', libbpf().testRun(this.fd, options));
    return options.readInt32LE(56);
  }

  /** @throws E_BPF_PIN, also when the path exists. */
  pin(path: string): void {
    pinFd(this.fd, path, `program ${this.name}`);
  }

  /** Safe to call twice. Detaches nothing. */
  [Symbol.dispose](): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#release(fd);
  }
}

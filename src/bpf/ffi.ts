/**
 * The raw surface of libbpf and of the few libc calls that Node lacks. Nothing else imports koffi.
 *
 * - int functions of libbpf 1.x return -errno, pointer functions return NULL and set errno, libc sets errno: read
 *   {@link errno} before anything else runs.
 * - koffi hands pointers out as bigint and checks nothing: the brands below are all that keeps a map from being given
 *   where a program belongs (which reads garbage).
 * - Only scalars, strings and Buffers cross; structs are encoded by hand, because koffi fills missing members with zero
 *   and truncates what does not fit.
 * - Synchronous calls only: koffi does not keep the buffers of asynchronous ones alive.
 */
import koffi from 'koffi';
import { ShuntError } from '../errors.ts';

declare const brand: unique symbol;
type Pointer<Type extends string> = bigint & { readonly [brand]: Type };
export type ObjectPointer = Pointer<'bpf_object'>;
export type ProgramPointer = Pointer<'bpf_program'>;
export type MapPointer = Pointer<'bpf_map'>;
/** Memory that the kernel mapped for us. */
export type Mapping = Pointer<'mmap'>;

/** A Buffer or typed array passes its own memory: C writes into it in place. */
type Bytes = Uint8Array | Uint32Array;

function library(soname: string, howToGet: string): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(soname);
  } catch (cause) {
    throw new ShuntError('E_NEEDS', `${soname} cannot be loaded; ${howToGet}`, { cause });
  }
}

function bindLibbpf() {
  const lib = library('libbpf.so.1', 'install it: apt-get install libbpf1');
  // `any` is what koffi returns; each signature below states what the C declaration beside it says.
  const bind = <F extends (...args: never[]) => unknown>(declaration: string): F =>
    lib.func(declaration) as unknown as F;
  return {
    setPrint: bind<(callback: bigint) => bigint | null>('void *libbpf_set_print(void *fn)'),
    possibleCpus: bind<() => number>('int libbpf_num_possible_cpus()'),

    objectOpen: bind<(path: string, opts: null) => ObjectPointer | null>(
      'void *bpf_object__open_file(const char *path, void *opts)',
    ),
    objectLoad: bind<(object: ObjectPointer) => number>('int bpf_object__load(void *obj)'),
    objectClose: bind<(object: ObjectPointer) => void>('void bpf_object__close(void *obj)'),
    nextProgram: bind<(object: ObjectPointer, previous: ProgramPointer | null) => ProgramPointer | null>(
      'void *bpf_object__next_program(void *obj, void *prog)',
    ),
    nextMap: bind<(object: ObjectPointer, previous: MapPointer | null) => MapPointer | null>(
      'void *bpf_object__next_map(void *obj, void *map)',
    ),

    programName: bind<(program: ProgramPointer) => string>('const char *bpf_program__name(void *prog)'),
    programFd: bind<(program: ProgramPointer) => number>('int bpf_program__fd(void *prog)'),
    programAttachType: bind<(program: ProgramPointer) => number>('int bpf_program__expected_attach_type(void *prog)'),
    programSetAutoload: bind<(program: ProgramPointer, autoload: boolean) => number>(
      'int bpf_program__set_autoload(void *prog, bool autoload)',
    ),

    mapName: bind<(map: MapPointer) => string>('const char *bpf_map__name(void *map)'),
    mapFd: bind<(map: MapPointer) => number>('int bpf_map__fd(void *map)'),
    mapIsInternal: bind<(map: MapPointer) => boolean>('bool bpf_map__is_internal(void *map)'),
    mapType: bind<(map: MapPointer) => number>('int bpf_map__type(void *map)'),
    mapKeySize: bind<(map: MapPointer) => number>('uint32_t bpf_map__key_size(void *map)'),
    mapValueSize: bind<(map: MapPointer) => number>('uint32_t bpf_map__value_size(void *map)'),
    mapMaxEntries: bind<(map: MapPointer) => number>('uint32_t bpf_map__max_entries(void *map)'),
    mapFlags: bind<(map: MapPointer) => number>('uint32_t bpf_map__map_flags(void *map)'),
    mapSetPinPath: bind<(map: MapPointer, path: string) => number>(
      'int bpf_map__set_pin_path(void *map, const char *path)',
    ),

    lookup: bind<(fd: number, key: Bytes, value: Bytes) => number>(
      'int bpf_map_lookup_elem(int fd, void *key, void *value)',
    ),
    update: bind<(fd: number, key: Bytes, value: Bytes, flags: number) => number>(
      'int bpf_map_update_elem(int fd, void *key, void *value, uint64_t flags)',
    ),
    remove: bind<(fd: number, key: Bytes) => number>('int bpf_map_delete_elem(int fd, void *key)'),
    nextKey: bind<(fd: number, key: Bytes | null, next: Bytes) => number>(
      'int bpf_map_get_next_key(int fd, void *key, void *next)',
    ),
    lookupBatch: bind<
      (fd: number, at: Bytes | null, next: Bytes, keys: Bytes, values: Bytes, count: Bytes, opts: null) => number
    >('int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, void *count, void *opts)'),
    updateBatch: bind<(fd: number, keys: Bytes, values: Bytes, count: Bytes, opts: null) => number>(
      'int bpf_map_update_batch(int fd, void *keys, void *values, void *count, void *opts)',
    ),

    objGet: bind<(path: string) => number>('int bpf_obj_get(const char *path)'),
    objPin: bind<(fd: number, path: string) => number>('int bpf_obj_pin(int fd, const char *path)'),
    objInfo: bind<(fd: number, info: Bytes, length: Bytes) => number>(
      'int bpf_obj_get_info_by_fd(int fd, void *info, void *len)',
    ),
    enableStats: bind<(type: number) => number>('int bpf_enable_stats(int type)'),
    /** opts: struct bpf_test_run_opts. */
    testRun: bind<(program: number, opts: Bytes) => number>('int bpf_prog_test_run_opts(int prog_fd, void *opts)'),
    programFdById: bind<(id: number) => number>('int bpf_prog_get_fd_by_id(uint32_t id)'),

    programAttach: bind<(program: number, target: number, type: number, flags: number) => number>(
      'int bpf_prog_attach(int prog_fd, int target_fd, int type, unsigned int flags)',
    ),
    programDetach: bind<(program: number, target: number, type: number) => number>(
      'int bpf_prog_detach2(int prog_fd, int target_fd, int type)',
    ),
    linkCreate: bind<(program: number, target: number, type: number, opts: Bytes | null) => number>(
      'int bpf_link_create(int prog_fd, int target_fd, int type, void *opts)',
    ),
    iteratorCreate: bind<(link: number) => number>('int bpf_iter_create(int link_fd)'),
    linkUpdate: bind<(link: number, program: number, opts: null) => number>(
      'int bpf_link_update(int link_fd, int new_prog_fd, void *opts)',
    ),
    linkDetach: bind<(link: number) => number>('int bpf_link_detach(int link_fd)'),

    tcHookCreate: bind<(hook: Bytes) => number>('int bpf_tc_hook_create(void *hook)'),
    tcAttach: bind<(hook: Bytes, opts: Bytes) => number>('int bpf_tc_attach(void *hook, void *opts)'),
    tcDetach: bind<(hook: Bytes, opts: Bytes) => number>('int bpf_tc_detach(void *hook, void *opts)'),
    tcQuery: bind<(hook: Bytes, opts: Bytes) => number>('int bpf_tc_query(void *hook, void *opts)'),
  };
}

function bindLibc() {
  const lib = library('libc.so.6', 'shunt needs a glibc system');
  const bind = <F extends (...args: never[]) => unknown>(declaration: string): F =>
    lib.func(declaration) as unknown as F;
  return {
    close: bind<(fd: number) => number>('int close(int fd)'),
    fcntl: bind<(fd: number, command: number, argument: number) => number>('int fcntl(int fd, int cmd, long arg)'),
    flock: bind<(fd: number, operation: number) => number>('int flock(int fd, int op)'),
    setns: bind<(fd: number, type: number) => number>('int setns(int fd, int type)'),
    ifNameToIndex: bind<(name: string) => number>('unsigned int if_nametoindex(const char *name)'),
    socket: bind<(family: number, type: number, protocol: number) => number>(
      'int socket(int family, int type, int protocol)',
    ),
    connect: bind<(fd: number, address: Bytes, size: number) => number>(
      'int connect(int fd, const void *address, unsigned int size)',
    ),
    shutdown: bind<(fd: number, how: number) => number>('int shutdown(int fd, int how)'),
    getsockopt: bind<(fd: number, level: number, name: number, value: Bytes, length: Bytes) => number>(
      'int getsockopt(int fd, int level, int name, void *value, void *length)',
    ),
    mmap: bind<
      (address: null, length: number, protection: number, flags: number, fd: number, offset: number) => Mapping
    >('void *mmap(void *addr, size_t length, int prot, int flags, int fd, int64_t offset)'),
    munmap: bind<(address: Mapping, length: number) => number>('int munmap(void *addr, size_t length)'),
    /** time: struct timespec. */
    clockGetres: bind<(clock: number, time: Bytes) => number>('int clock_getres(int clock, void *time)'),
    sysconf: bind<(name: number) => number>('long sysconf(int name)'),
    /** pidfd_open(2), pidfd_getfd(2): in glibc only from 2.36 on. */
    pidfdOpen: bind<(number: number, pid: number, flags: number) => number>(
      'long syscall(long nr, int pid, unsigned int flags)',
    ),
    pidfdGetfd: bind<(number: number, pidfd: number, fd: number, flags: number) => number>(
      'long syscall(long nr, int pidfd, int fd, unsigned int flags)',
    ),
    vsnprintf: bind<(buffer: Bytes, size: number, format: bigint, args: bigint) => number>(
      'int vsnprintf(void *buf, size_t size, void *format, void *args)',
    ),
  };
}

let libbpfBound: ReturnType<typeof bindLibbpf> | undefined;
let libcBound: ReturnType<typeof bindLibc> | undefined;

/** Loaded at first use, so that a command that needs no BPF works without libbpf. @throws E_NEEDS. */
export function libbpf(): ReturnType<typeof bindLibbpf> {
  libbpfBound ??= bindLibbpf();
  return libbpfBound;
}

export function libc(): ReturnType<typeof bindLibc> {
  libcBound ??= bindLibc();
  return libcBound;
}

/** Gives `use` the address of a copy of `words`, for a structure that holds a pointer; it is freed when `use` returns. */
export function atAddress<T>(words: Uint32Array, use: (address: bigint) => T): T {
  const address = koffi.alloc('uint32_t', words.length) as bigint;
  try {
    words.forEach((word, i) => {
      koffi.encode(address, i * Uint32Array.BYTES_PER_ELEMENT, 'uint32_t', word);
    });
    return use(address);
  } finally {
    koffi.free(address);
  }
}

/** errno of the last call; valid only until the next one. */
export function errno(): number {
  return koffi.errno();
}

/** `int (*)(int level, const char *format, va_list args)`; a va_list travels as a pointer on x86-64 and AArch64. Lives as long as the process. */
export function printCallback(callback: (level: number, format: bigint, args: bigint) => number): bigint {
  return koffi.register(callback, koffi.pointer(koffi.proto('int', ['int', 'void *', 'void *'])));
}

/** Where its memory is, to be written into a structure of C; valid while `bytes` is referenced and not resized. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

/** A window on mapped memory. Detach it (`transfer(0)`) before munmap: a read through it afterwards would crash. */
export function viewMapping(mapping: Mapping, length: number): ArrayBuffer {
  return koffi.view(mapping, length);
}

/** mmap(2) returns -1, which koffi hands out as the largest pointer. */
export function isMapFailed(mapping: Mapping | null): boolean {
  return mapping === null || BigInt.asIntN(64, mapping) === -1n;
}

/** Who is told when a descriptor can be read. */
export interface Poll {
  /** The callback receives a libuv status: negative when polling failed. */
  start(onReadable: (status: number) => void): void;
  stop(): void;
  ref(): void;
  unref(): void;
  close(): void;
}

/**
 * libuv's poll on a descriptor of the kernel. Keep the result: a handle that is collected stops silently. The descriptor
 * must be pollable and have no other handle, or libuv aborts the process. The callback must not throw: the exception
 * would surface in an unrelated later call.
 */
export function pollReadable(fd: number, onReadable: (status: number) => void): Poll {
  // Declared as (events), really called with (status, events).
  const adapt =
    (callback: (status: number) => void) =>
    (...args: unknown[]) =>
      callback(args[0] as number);
  const handle = koffi.node.poll(fd, { readable: true }, adapt(onReadable));
  return {
    start: (callback) => handle.start({ readable: true }, adapt(callback)),
    stop: () => handle.stop(),
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close: () => handle.close(),
  };
}

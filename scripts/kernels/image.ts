/** A kernel made ready to boot: its packages unpacked, and an initramfs that mounts this machine's root read-only. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import type { Kernel } from './matrix.ts';
import { type KernelArchive, run } from './packages.ts';

export interface KernelImage {
  /** As `uname -r` says it. */
  readonly release: string;
  /** Debian's version of the package. */
  readonly version: string;
  readonly vmlinuz: string;
  readonly initrd: string;
  /** Holds lib/modules/RELEASE. */
  readonly directory: string;
}

const GUEST = join(import.meta.dirname, 'guest');
/** Built into some kernels, modules of others. Everything else is loaded from the root that these make reachable. */
const EARLY_MODULES = ['virtio_pci', 'virtio_console', 'virtiofs', 'overlay'];

/** Downloads and unpacks the kernel unless it is in `cache`. @throws what a failing command said; nothing is cached then. */
export function prepareImage(kernel: Kernel, archive: KernelArchive, cache: string): KernelImage {
  const directory = join(cache, kernel.name);
  if (!existsSync(join(directory, 'release'))) unpack(kernel, archive, directory);
  const release = readFileSync(join(directory, 'release'), 'utf8');
  const initrd = makeInitrd(directory, release);
  return {
    release,
    version: readFileSync(join(directory, 'version'), 'utf8'),
    vmlinuz: join(directory, 'vmlinuz'),
    initrd,
    directory,
  };
}

function unpack(kernel: Kernel, archive: KernelArchive, directory: string): void {
  const fresh = `${directory}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const image = archive.newest(kernel.image);
  console.log(`${kernel.name}: downloading ${image}`);
  const files = archive.download(image, join(fresh, 'packages'));
  for (const file of files) run('dpkg', ['-x', file, join(fresh, 'root')]);
  const modules = globSync(join(fresh, 'root/{usr/,}lib/modules/*'))[0];
  const vmlinuz = globSync([join(fresh, 'root/boot/vmlinuz*'), join(fresh, 'root/{usr/,}lib/modules/*/vmlinuz*')])[0];
  if (modules === undefined || vmlinuz === undefined) throw new Error(`${image}: has no kernel or no modules`);
  const release = basename(modules);
  mkdirSync(join(fresh, 'lib/modules'), { recursive: true });
  renameSync(vmlinuz, join(fresh, 'vmlinuz'));
  renameSync(modules, join(fresh, 'lib/modules', release));
  run('depmod', ['-b', fresh, release]);
  const imageFile = files.find((file) => basename(file).startsWith(`${image}_`)) as string;
  writeFileSync(join(fresh, 'version'), run('dpkg-deb', ['-f', imageFile, 'Version']).trim());
  for (const left of ['packages', 'root']) rmSync(join(fresh, left), { recursive: true });
  writeFileSync(join(fresh, 'release'), release);
  rmSync(directory, { recursive: true, force: true });
  renameSync(fresh, directory);
}

/** Made anew for each run: it holds the guest's scripts. */
function makeInitrd(directory: string, release: string): string {
  const tree = join(directory, 'initramfs');
  rmSync(tree, { recursive: true, force: true });
  for (const dir of ['bin', 'modules', 'proc', 'sys', 'dev', 'lower', 'writable', 'root']) {
    mkdirSync(join(tree, dir), { recursive: true });
  }
  copyFileSync('/usr/bin/busybox', join(tree, 'bin/busybox'));
  for (const script of ['init', 'main']) {
    copyFileSync(join(GUEST, script), join(tree, script));
    chmodSync(join(tree, script), 0o755);
  }
  const modules = withDependencies(EARLY_MODULES, join(directory, 'lib/modules', release));
  modules.forEach((path, i) => {
    const target = join(tree, 'modules', `${String(i).padStart(2, '0')}.ko`);
    const compressed = path.endsWith('.xz') ? `xz -dc "$0" >"$1"` : `cat "$0" >"$1"`;
    run('sh', ['-c', compressed, path, target]);
  });
  const initrd = join(directory, 'initrd');
  run('sh', ['-c', `find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$0"`, initrd], tree);
  rmSync(tree, { recursive: true });
  return initrd;
}

/** Paths of modules, each behind those that it needs. What is built in is not among them. */
function withDependencies(names: readonly string[], modules: string): string[] {
  const needs = new Map<string, string[]>();
  for (const line of readFileSync(join(modules, 'modules.dep'), 'utf8').trim().split('\n')) {
    const [path, rest] = line.split(':') as [string, string];
    needs.set(path, rest.trim().split(' ').filter(Boolean).reverse());
  }
  const wanted = names.flatMap((name) => {
    const path = [...needs.keys()].find((known) => basename(known).split('.')[0] === name);
    return path === undefined ? [] : [...(needs.get(path) ?? []), path];
  });
  return [...new Set(wanted)].map((path) => join(modules, path));
}

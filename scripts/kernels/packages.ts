/**
 * Debian packages without touching the machine's apt: kernels come through an apt root of our own (sources, lists, an empty
 * list of what is installed), and are unpacked, never installed. Only the programs that run the guests are installed.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SOURCES } from './matrix.ts';

/** What runs guests, and the package that has it. The C virtiofsd of Debian 12 comes with QEMU. */
const TOOLS: readonly (readonly [file: string, ...packages: string[]])[] = [
  ['/usr/bin/qemu-system-x86_64', 'qemu-system-x86', 'qemu-system-common'],
  ['/usr/bin/busybox', 'busybox-static'],
  ['/usr/sbin/depmod', 'kmod'],
  ['/usr/bin/xz', 'xz-utils'],
];

/** @throws with the command and the last lines that it printed. */
export function run(command: string, args: readonly string[], cwd?: string): string {
  const done: SpawnSyncReturns<string> = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
  if (done.status === 0) return done.stdout;
  const said = `${done.error?.message ?? ''}${done.stderr ?? ''}`.trim().split('\n').slice(-5).join('\n');
  throw new Error(`${command} ${args.join(' ')}: exit ${done.status}\n${said}`);
}

/** Installs what is missing; names it. */
export function installTools(): void {
  const missing = TOOLS.filter(([file]) => !existsSync(file)).flatMap(([, ...packages]) => packages);
  if (missing.length === 0) return;
  console.log(`installing Debian packages: ${missing.join(' ')}`);
  run('apt-get', ['-q', 'update']);
  run('apt-get', ['-q', '-y', '--no-install-recommends', 'install', ...missing]);
}

/** The private apt root. Its lists are fetched once a run, when a kernel is asked for that is not here yet. */
export class KernelArchive {
  readonly #root: string;
  readonly #options: string[];
  #images: string[] | undefined;

  constructor(root: string) {
    this.#root = root;
    this.#options = [
      `Dir::Etc::sourcelist=${join(root, 'debian.sources')}`,
      'Dir::Etc::sourceparts=/dev/null',
      'Dir::Etc::preferences=/dev/null',
      'Dir::Etc::preferencesparts=/dev/null',
      `Dir::State=${join(root, 'state')}`,
      `Dir::State::status=${join(root, 'status')}`,
      `Dir::Cache=${join(root, 'cache')}`,
      'Acquire::Languages=none',
      'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
    ].flatMap((option) => ['-o', option]);
  }

  /** The newest image whose name matches. @throws when Debian has none. */
  newest(image: RegExp): string {
    this.#images ??= this.#update();
    const found = this.#images
      .filter((name) => image.test(name))
      .sort(byVersion)
      .at(-1);
    if (found === undefined) throw new Error(`Debian has no package ${image.source}`);
    return found;
  }

  /** Downloads the image and the packages that its kernel is split into (7.x), into a directory. Returns their paths. */
  download(image: string, into: string): string[] {
    mkdirSync(into, { recursive: true });
    const kinds = ['--recurse', '--no-recommends', '--no-suggests', '--no-breaks', '--no-conflicts', '--no-replaces'];
    const needed = run('apt-cache', [...this.#options, 'depends', ...kinds, image])
      .split('\n')
      .filter((line) => /^linux-(image|binary|modules|base)-\d/.test(line) && !line.endsWith('-unsigned'));
    const names = [...new Set([image, ...needed])];
    run('apt-get', [...this.#options, '-q', 'download', ...names], into);
    return run('find', [into, '-name', '*.deb']).trim().split('\n');
  }

  #update(): string[] {
    for (const dir of ['state/lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(this.#root, dir), { recursive: true });
    }
    writeFileSync(join(this.#root, 'status'), '');
    writeFileSync(join(this.#root, 'debian.sources'), SOURCES);
    run('apt-get', [...this.#options, '-q', 'update']);
    return run('apt-cache', [...this.#options, 'pkgnames', 'linux-image-'])
      .trim()
      .split('\n');
  }
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

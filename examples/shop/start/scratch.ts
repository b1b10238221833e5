/** The shop's files outside the checkout: what nginx serves and stores, the load report, and the resources with real paths. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STATIC_PAGE } from '../page.ts';

export const SHOP_DIR = join(import.meta.dirname, '..');

/** User of nginx, who needs a directory of its own to write to. */
const WEB_USER = 'www-data';

export interface ScratchOptions {
  /** Requests a second. */
  readonly rate: number;
  readonly connections: number;
}

export class Scratch implements Disposable {
  /** For `shunt up -f`. */
  readonly meshDir: string;
  /** One JSON line a second; absent until the load generator runs. */
  readonly reportFile: string;
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
    this.meshDir = join(root, 'mesh');
    this.reportFile = join(root, 'load.jsonl');
  }

  /** Throws, with nothing left behind, when a file cannot be written or the machine has no www-data. */
  static create(options: ScratchOptions): Scratch {
    const scratch = new Scratch(mkdtempSync(join(tmpdir(), 'shunt-shop-')));
    try {
      scratch.#write(options);
      return scratch;
    } catch (error) {
      scratch[Symbol.dispose]();
      throw error;
    }
  }

  #write({ rate, connections }: ScratchOptions): void {
    chmodSync(this.#root, 0o755); // mkdtemp's 0700 would keep nginx and redis out
    const webDir = join(this.#root, 'web');
    const cacheDir = join(this.#root, 'cache');
    for (const directory of ['html', 'data', 'temp']) mkdirSync(join(webDir, directory), { recursive: true });
    mkdirSync(cacheDir);
    copyFileSync(join(SHOP_DIR, 'nginx.conf'), join(webDir, 'nginx.conf'));
    writeFileSync(join(webDir, 'html', 'index.html'), STATIC_PAGE);
    execFileSync('chown', ['-R', WEB_USER, webDir]);
    writeMesh(this.meshDir, {
      NODE: process.execPath,
      SHOP_DIR,
      WEB_DIR: webDir,
      CACHE_DIR: cacheDir,
      REPORT_FILE: this.reportFile,
      LOAD_RATE: String(rate),
      LOAD_CONNECTIONS: String(connections),
    });
  }

  /** Removes all of it. */
  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/**
 * Copies the resources of examples/shop/mesh into a new directory, with each `${NAME}` replaced. A resource file says where
 * programs are by absolute paths, and those differ with the checkout. Throws when a name has no value.
 */
export function writeMesh(directory: string, values: Readonly<Record<string, string>>): void {
  mkdirSync(directory);
  const source = join(SHOP_DIR, 'mesh');
  for (const file of readdirSync(source)) {
    const text = readFileSync(join(source, file), 'utf8');
    writeFileSync(
      join(directory, file),
      text.replace(/\$\{(\w+)\}/g, (_, name: string) => valueFor(name, values, file)),
    );
  }
}

function valueFor(name: string, values: Readonly<Record<string, string>>, file: string): string {
  const value = values[name];
  if (value === undefined) throw new Error(`${file}: no value for \${${name}}`);
  // JSON's escapes are those of YAML's double-quoted texts, and in those the names stand.
  return JSON.stringify(value).slice(1, -1);
}

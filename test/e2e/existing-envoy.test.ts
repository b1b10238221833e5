/** docs/existing-envoy.md, done as it says: every block is written or run, in a folder and a network of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envoyBinary } from '../../src/supervisor/envoy-binary.ts';
import { finished, type Outcome, ROOT } from '../support/mesh.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');
const HERE = join(import.meta.dirname, 'existing-envoy');

interface Block {
  /** First word behind the fence. */
  readonly language: string;
  /** The rest: a file's name, or `background`. */
  readonly about: string;
  readonly text: string;
  readonly line: number;
}

function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: about = '', 3: text = '', index }) => ({
      language,
      about,
      text,
      line: page.slice(0, index).split('\n').length,
    }),
  );
}

const blocks = blocksOf(readFileSync(join(ROOT, 'docs/existing-envoy.md'), 'utf8'));

describe('docs/existing-envoy.md', () => {
  const network = `shunt-doc-${randomBytes(3).toString('hex')}`;
  const running: ChildProcess[] = [];
  let dir: string;

  /** In the network and the folder of the test, with shunt and envoy on PATH. */
  function start(command: string, ...args: readonly string[]): ChildProcess {
    return spawn('ip', ['netns', 'exec', network, command, ...args], {
      cwd: dir,
      env: { ...process.env, PATH: `${join(ROOT, 'src/cli')}:${dirname(envoyBinary())}:${process.env.PATH}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  const run = (command: string, ...args: readonly string[]): Promise<Outcome> => finished(start(command, ...args));

  /** `exec`: what is ended is the command and not its shell. */
  const keep = (command: string): ChildProcess => {
    const child = start('bash', '-c', `exec ${command}`);
    child.stderr?.resume();
    running.push(child);
    return child;
  };

  async function ask(identity: string, protocol: 'http1' | 'http2' | 'grpc', ...paths: string[]): Promise<unknown> {
    const outcome = await run(NODE, join(HERE, 'client.ts'), identity, protocol, ...paths);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    return JSON.parse(outcome.stdout);
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'shunt-existing-envoy-'));
    execFileSync('ip', ['netns', 'add', network]);
    execFileSync('ip', ['-n', network, 'link', 'set', 'lo', 'up']);
    const applications = keep(`${NODE} ${join(HERE, 'applications.ts')}`);
    await new Promise((ready) => applications.stdout?.once('data', ready));
  });

  afterAll(async () => {
    for (const child of running.toReversed()) {
      const ended = child.exitCode !== null || new Promise((done) => child.once('exit', done));
      child.kill('SIGKILL');
      await ended;
    }
    execFileSync('ip', ['netns', 'delete', network]);
    rmSync(dir, { recursive: true, force: true });
  });

  it('has blocks of kinds that this test knows', () => {
    const kinds = blocks.map(({ language, about }) => (about.includes('.') ? 'file' : `${language} ${about}`.trim()));
    expect(new Set(kinds)).toEqual(new Set(['file', 'sh', 'text', 'sh background']));
  });

  /** A step that fails takes those after it with it: they would wait for what never came. */
  let broken = false;
  const step = (name: string, work: () => Promise<void> | void): void => {
    it(name, async ({ skip }) => {
      skip(broken, 'a step before it failed');
      broken = true;
      await work();
      broken = false;
    });
  };

  for (const [index, { language, about, text, line }] of blocks.entries()) {
    const what = text.split('\n')[0];
    if (about.includes('.')) {
      step(`line ${line}: the file ${about}`, () => {
        mkdirSync(dirname(join(dir, about)), { recursive: true });
        writeFileSync(join(dir, about), text);
      });
    } else if (about === 'background') {
      step(`line ${line}: starts ${what}`, () => {
        expect(keep(text.trim()).pid).toBeGreaterThan(0);
      });
    } else if (language === 'sh') {
      const next = blocks[index + 1];
      const said = next?.language === 'text' ? next.text : '';
      step(`line ${line}: ${what}`, async () => {
        expect(await run('bash', '-e', '-o', 'pipefail', '-c', text)).toMatchObject({
          code: 0,
          stdout: said,
          stderr: '',
        });
      });
    }
  }

  it('decides for each request of HTTP/1.1 on one connection', async () => {
    expect(await ask('web', 'http1', '/items', '/secret', '/items/7?all', '/', '/items')).toEqual({
      connections: 1,
      answers: [
        { status: 200, body: 'GET /items\n' },
        { status: 403, body: 'RBAC: access denied' },
        { status: 200, body: 'GET /items/7?all\n' },
        { status: 403, body: 'RBAC: access denied' },
        { status: 200, body: 'GET /items\n' },
      ],
    });
  });

  it('decides for each of many requests at a time of HTTP/2 on one connection', async () => {
    const paths = Array.from({ length: 40 }, (_, number) => (number % 3 === 0 ? '/secret' : `/items/${number}`));
    const answers = paths.map((path) =>
      path === '/secret' ? { status: 403, body: 'RBAC: access denied' } : { status: 200, body: `GET ${path}\n` },
    );
    expect(await ask('web', 'http2', ...paths)).toEqual({ connections: 1, answers });
  });

  it('decides for each gRPC call, and denies with status 7', async () => {
    const [hello, bye] = ['/greeter.Greeter/SayHello', '/greeter.Greeter/SayBye'];
    expect(await ask('admin', 'grpc', hello, bye, hello)).toEqual({
      connections: 1,
      answers: [
        { status: 200, grpc: '0', message: `${hello} again` },
        { status: 200, grpc: '7', message: '' },
        { status: 200, grpc: '0', message: `${hello} again` },
      ],
    });
  });

  it('tells callers apart by their certificates', async () => {
    expect(await ask('admin', 'http2', '/secret')).toMatchObject({ answers: [{ status: 200 }] });
    expect(await ask('proxy', 'http2', '/items')).toMatchObject({ answers: [{ status: 403 }] });
    expect(await ask('proxy', 'grpc', '/greeter.Greeter/SayHello')).toMatchObject({ answers: [{ grpc: '0' }] });
  });

  it('takes another policy on live connections of HTTP/1.1, HTTP/2 and gRPC', async () => {
    const asking = [
      { protocol: 'http1', path: '/late', denied: { status: 403 }, allowed: { status: 200 } },
      { protocol: 'http2', path: '/late', denied: { status: 403 }, allowed: { status: 200 } },
      { protocol: 'grpc', path: '/greeter.Greeter/SayBye', denied: { grpc: '7' }, allowed: { grpc: '0' } },
    ].map((one) => ({ ...one, child: start(NODE, join(HERE, 'client.ts'), 'web', one.protocol, 'until', one.path) }));
    running.push(...asking.map(({ child }) => child));
    const outcomes = asking.map(({ child }) => finished(child));
    await Promise.all(asking.map(({ child }) => new Promise((asked) => child.stderr?.once('data', asked))));
    const resources = join(dir, 'policies/shop.yaml');
    const now = readFileSync(resources, 'utf8');
    const later = now.replace('/items*', '/items*, /late').replace('/SayHello', '/Say*');
    writeFileSync(resources, later);
    expect(await run('bash', '-e', 'reload.sh')).toMatchObject({ code: 0, stderr: '' });
    for (const [index, { denied, allowed }] of asking.entries()) {
      const outcome = await (outcomes[index] as Promise<Outcome>);
      expect(outcome).toMatchObject({ code: 0, stderr: 'asking\n' });
      expect(JSON.parse(outcome.stdout)).toMatchObject({ connections: 1, answers: [denied, allowed] });
    }
  });

  it('believes no header', async () => {
    const forged = 'x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/admin';
    const args = ['-s', '-H', forged, '--cacert', 'ca.pem', '--cert', 'proxy.pem', '--key', 'proxy.key'];
    expect((await run('curl', ...args, 'https://localhost:8443/items')).stdout).toBe('RBAC: access denied');
  });

  it.each([
    ['no certificate', 'fail_verify_no_cert', []],
    [
      'a certificate of another authority',
      'fail_verify_error',
      ['other-ca', 'spiffe://cluster.local/ns/shop/sa/admin', 'other-ca'],
    ],
    [
      'an identity of another trust domain',
      'fail_verify_san',
      ['foreign', 'spiffe://elsewhere/ns/shop/sa/admin', 'ca'],
    ],
    ['a certificate without identity', 'fail_verify_san', ['nameless', '', 'ca']],
  ])('TLS refuses %s', async (_, counter, [name, uri, authority]) => {
    let identity: string[] = [];
    if (name !== undefined) {
      const names = uri === '' ? 'DNS:localhost' : `URI:${uri},DNS:localhost`;
      const key = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
      const made = await run(
        ...(['bash', '-e', '-c'] as const),
        `if [ ! -e ${authority}.pem ]; then openssl req -x509 ${key} -subj /CN=${authority} -keyout ${authority}.key -out ${authority}.pem; fi
         openssl req ${key} -subj /CN=client -keyout client.key -out client.csr -addext subjectAltName=${names}
         openssl x509 -req -in client.csr -CA ${authority}.pem -CAkey ${authority}.key -copy_extensions copy -out client.pem`,
      );
      expect(made.code, made.stderr).toBe(0);
      identity = ['--cert', 'client.pem', '--key', 'client.key'];
    }
    const refused = async (): Promise<number> => {
      const { stdout } = await run('curl', '-sf', `localhost:9901/stats?filter=8443.ssl.${counter}$`);
      expect(stdout).toMatch(/: \d+\n$/);
      return Number(stdout.split(': ')[1]);
    };
    const before = await refused();
    const url = 'https://localhost:8443/items';
    const outcome = await run('curl', '-sS', '--cacert', 'ca.pem', ...identity, url);
    expect(outcome.stdout).toBe('');
    expect(outcome.code).toBeGreaterThan(0);
    // With TLS 1.3 the client learns of it by an alert, a reset or a send that fails, whichever comes first: Envoy says why.
    expect(await refused()).toBe(before + 1);
  });
});

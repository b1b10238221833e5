import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseResources } from '../../../src/config/load.ts';
import type { Model } from '../../../src/config/model.ts';
import { readModuleFile } from '../../../src/config/module-file.ts';
import { ConfigError } from '../../../src/config/problems.ts';

const MODULE = Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);
const SHA256 = createHash('sha256').update(MODULE).digest('hex');
const OTHER = 'f'.repeat(64);

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'shunt-plugin-'));
  writeFileSync(join(dir, 'm.wasm'), MODULE);
  writeFileSync(join(dir, 'text.wasm'), '(module)');
  writeFileSync(join(dir, 'short.wasm'), MODULE.subarray(0, 4));
  mkdirSync(join(dir, 'folder.wasm'));
  symlinkSync('/dev/zero', join(dir, 'zero.wasm'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const MESH = `\
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: api1, labels: {app: api, version: one}}
---
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: api2, labels: {app: api, version: two}}
---
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: cache, labels: {app: cache}}
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec: {selector: {app: api}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache}
spec: {selector: {app: cache}, ports: [{port: 6379}]}
---
`;

/** A plugin whose spec has these fields beside (or instead of) a good url and sha256. */
function plugin(spec = '', { url = `file://${dir}/m.wasm`, sha256 = SHA256, metadata = '{name: p}' } = {}): string {
  const head = 'apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin';
  return `${head}\nmetadata: ${metadata}\nspec:\n  url: ${url}\n  sha256: ${sha256}\n${spec}`;
}

const parse = (text: string): Model => parseResources([{ file: 'p.yaml', text: Buffer.from(text) }]);

/** The one mistake, its place and the text at it. */
function mistake(text: string): string {
  const all = `${MESH}${text}`;
  try {
    parse(all);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    const { problems } = error as ConfigError;
    expect(problems.map(({ what }) => what)).toHaveLength(1);
    const [{ line, column, what, expected } = { line: 0, column: 0, what: '', expected: '' }] = problems;
    const at = all
      .split('\n')
      [line - 1]?.slice(column - 1)
      .split(/[\s:,}]/)[0];
    return `${at}: ${what}; expected ${expected}`.replaceAll(dir, 'DIR');
  }
  throw new Error('accepted');
}

test('a WasmPlugin of a module alone has all defaults', () => {
  expect(parse(MESH + plugin('  selector: {matchLabels: {app: api}}')).plugins).toEqual([
    {
      key: 'default/p',
      name: 'p',
      namespace: 'default',
      selector: { app: 'api' },
      module: join(dir, 'm.wasm'),
      sha256: SHA256,
      phase: 'UNSPECIFIED_PHASE',
      priority: 0,
      failStrategy: 'FAIL_CLOSE',
      pluginName: '',
      env: {},
    },
  ]);
});

test.each([
  ['{b: [1, {d: null, c: x}], a: true}', '{"a":true,"b":[1,{"c":"x","d":null}]}'],
  ['{"10": a, "9": b, __proto__: c}', '{"10":"a","9":"b","__proto__":"c"}'],
  ['text', '"text"'],
  ['null', 'null'],
  ['{}', '{}'],
])('pluginConfig %s is the JSON %s', (yaml, json) => {
  const [built] = parse(MESH + plugin(`  selector: {matchLabels: {app: api}}\n  pluginConfig: ${yaml}`)).plugins;
  expect(built?.pluginConfig).toBe(json);
});

test('a url may have escapes', () => {
  writeFileSync(join(dir, 'a b.wasm'), MODULE);
  const url = `file://${dir}/a%20b.wasm`;
  expect(parse(MESH + plugin('  selector: {matchLabels: {app: api}}', { url })).plugins[0]?.module).toBe(
    join(dir, 'a b.wasm'),
  );
});

describe('refused, with its place:', () => {
  const api = '  selector: {matchLabels: {app: api}}\n';
  const cases: [what: string, text: () => string, mistake: string][] = [
    [
      'no file',
      () => plugin(api, { url: 'file:///nowhere/m.wasm' }),
      'file: /nowhere/m.wasm cannot be read: no such file or directory; expected a compiled WASM module',
    ],
    [
      'a folder',
      () => plugin(api, { url: `file://${dir}/folder.wasm` }),
      'file: DIR/folder.wasm is no regular file; expected a compiled WASM module',
    ],
    [
      'a device',
      () => plugin(api, { url: `file://${dir}/zero.wasm` }),
      'file: DIR/zero.wasm is no regular file; expected a compiled WASM module',
    ],
    [
      'text',
      () => plugin(api, { url: `file://${dir}/text.wasm` }),
      'file: DIR/text.wasm is no WASM module; expected a compiled WASM module of version 1',
    ],
    [
      'half a header',
      () => plugin(api, { url: `file://${dir}/short.wasm` }),
      'file: DIR/short.wasm is no WASM module; expected a compiled WASM module of version 1',
    ],
    [
      'another module',
      () => plugin(api, { sha256: OTHER }),
      `${OTHER}: DIR/m.wasm has the sha256 ${SHA256}; expected the module with ${OTHER}, or the other sha256`,
    ],
    [
      'a sha256 in capitals',
      () => plugin(api, { sha256: 'F'.repeat(64) }),
      `${'F'.repeat(64)}: spec.sha256 is ${JSON.stringify('F'.repeat(64)).slice(0, 59)}…; expected 64 hex digits in small letters, as sha256sum prints them`,
    ],
    [
      'oci',
      () => plugin(api, { url: 'oci://registry/m:1' }),
      'oci: spec.url is "oci://registry/m:1"; expected file:///PATH, a file of this machine; oci and http are not supported by shunt',
    ],
    [
      'a file of another host',
      () => plugin(api, { url: 'file://host/m.wasm' }),
      'file: spec.url is "file://host/m.wasm"; expected file:///PATH, a file of this machine; oci and http are not supported by shunt',
    ],
    [
      'an escaped slash',
      () => plugin(api, { url: `file://${dir}%2Fm.wasm` }).replace(`${dir}%2F`, '/tmp%2F'),
      'file: url is "file:///tmp%2Fm.wasm"; expected file:///PATH, a file of this machine; oci and http are not supported by shunt',
    ],
    [
      'FAIL_OPEN in AUTHZ',
      () => plugin(`${api}  phase: AUTHZ\n  failStrategy: FAIL_OPEN`),
      'FAIL_OPEN: failStrategy FAIL_OPEN in phase AUTHZ would let requests in without the check; expected FAIL_CLOSE in phase AUTHZ',
    ],
    [
      'FAIL_OPEN in AUTHN',
      () => plugin(`${api}  phase: AUTHN\n  failStrategy: FAIL_OPEN`),
      'FAIL_OPEN: failStrategy FAIL_OPEN in phase AUTHN would let requests in without the check; expected FAIL_CLOSE in phase AUTHN',
    ],
    [
      'FAIL_RELOAD',
      () => plugin(`${api}  failStrategy: FAIL_RELOAD`),
      'FAIL_RELOAD: spec.failStrategy is "FAIL_RELOAD"; expected FAIL_CLOSE or FAIL_OPEN; FAIL_RELOAD is what FAIL_CLOSE does here',
    ],
    [
      'another phase',
      () => plugin(`${api}  phase: FIRST`),
      'FIRST: spec.phase is "FIRST"; expected AUTHN, AUTHZ, STATS or UNSPECIFIED_PHASE',
    ],
    [
      'a fraction as priority',
      () => plugin(`${api}  priority: 1.5`),
      '1.5: spec.priority is 1.5; expected a whole number of 32 bits',
    ],
    [
      'a number that JSON lacks',
      () => plugin(`${api}  pluginConfig: {a: .inf}`),
      '{a: the number Infinity has no JSON; expected finite numbers',
    ],
    [
      'match',
      () => plugin(`${api}  match: []`),
      'match: unknown field spec.match: Istio has it; not supported by shunt; expected one of selector, url, sha256, phase, priority, failStrategy, pluginName, pluginConfig, vmConfig',
    ],
    [
      'imagePullSecret',
      () => plugin(`${api}  imagePullSecret: s`),
      'imagePullSecret: unknown field spec.imagePullSecret: not supported by shunt, which loads local files only; expected one of selector, url, sha256, phase, priority, failStrategy, pluginName, pluginConfig, vmConfig',
    ],
    [
      'the environment of the proxy',
      () => plugin(`${api}  vmConfig: {env: [{name: A, valueFrom: HOST}]}`),
      'HOST: spec.vmConfig.env[0].valueFrom is "HOST"; expected INLINE; HOST, the environment of the proxy, is not supported by shunt',
    ],
    [
      'a variable twice',
      () => plugin(`${api}  vmConfig: {env: [{name: A}, {name: A}]}`),
      'A: variable A is there twice; expected each name once',
    ],
    [
      'some of the workloads of a Service',
      () => plugin('  selector: {matchLabels: {version: one}}'),
      '{matchLabels: WasmPlugin default/p selects default/api1 and not default/api2 of Service default/api; expected all or none of the workloads behind a Service',
    ],
    [
      'a workload without HTTP',
      () => plugin('  selector: {matchLabels: {app: cache}}'),
      '{matchLabels: WasmPlugin default/p selects no workload in namespace default that HTTP leads to; expected a workload that a Service leads to by HTTP',
    ],
    [
      'no workload',
      () => plugin('  selector: {matchLabels: {app: none}}'),
      '{matchLabels: WasmPlugin default/p selects no workload in namespace default that HTTP leads to; expected a workload that a Service leads to by HTTP',
    ],
    [
      'an empty namespace',
      () => plugin('', { metadata: '{name: p, namespace: far}' }),
      'far: WasmPlugin far/p selects no workload in namespace far that HTTP leads to; expected a workload that a Service leads to by HTTP',
    ],
    [
      'a second of that name',
      () => `${plugin(api)}\n---\n${plugin(api)}`,
      'p: a second WasmPlugin default/p; the first is at p.yaml:25; expected one document for each kind, namespace and name',
    ],
  ];

  test.each(cases)('%s', (_, text, expected) => {
    expect(mistake(text())).toBe(expected);
  });
});

test('without selector it is about the whole namespace, in istio-system about the mesh', () => {
  const everywhere = plugin('', { metadata: '{name: p, namespace: istio-system}' });
  expect(parse(MESH + plugin()).plugins[0]).not.toHaveProperty('selector');
  expect(parse(MESH + everywhere).plugins[0]?.key).toBe('istio-system/p');
});

test('a module that is too large is not read', () => {
  const file = join(dir, 'm.wasm');
  expect(readModuleFile(file, MODULE.length)).toMatchObject({ sha256: SHA256 });
  expect(readModuleFile(file, MODULE.length - 1)).toEqual({
    problem: `${file} has 8 bytes`,
    expected: 'at most 7 bytes',
  });
});

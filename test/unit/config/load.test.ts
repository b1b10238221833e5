import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadModel, parseResources } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/problems.ts';

const parse = (...texts: string[]) =>
  parseResources(texts.map((text, index) => ({ file: `${index + 1}.yaml`, text: Buffer.from(text) })));

/** The lines of the error that these texts give. */
function mistakes(...texts: string[]): string[] {
  try {
    parse(...texts);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).code).toBe('E_CONFIG');
    return (error as ConfigError).message.split('\n');
  }
  return [];
}

const workload = (name: string, labels = `app: ${name}`, namespace = 'default') => `\
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}}
`;

const service = (name: string, ports: string, extra = '') => `\
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, ports: ${ports}${extra}}
`;

describe('defaults', () => {
  test('a Workload of a name alone has all of them', () => {
    const text = 'apiVersion: shunt.dev/v1alpha1\nkind: Workload\nmetadata: {name: web}\n';
    expect(parse(text)).toEqual({
      mesh: {
        trustDomain: 'cluster.local',
        network: {},
        fastPath: { enabled: true, promoteAfterSegments: 8, maxQueuedBytes: 1048576, greedyReaders: [] },
        proxy: {},
      },
      workloads: [
        {
          key: 'default/web',
          name: 'web',
          namespace: 'default',
          labels: {},
          serviceAccount: 'default',
          fastPath: 'auto',
        },
      ],
      services: [],
      policies: [],
      plugins: [],
    });
  });

  test('run: the directory is /, it is restarted, its environment is empty', () => {
    const text = `${workload('web')}spec: {run: {command: [nginx]}}`;
    expect(parse(text).workloads[0]?.run).toEqual({
      command: ['nginx'],
      env: {},
      workingDir: '/',
      restart: 'always',
    });
  });

  test('a port of a Service leads to the same port', () => {
    const model = parse(workload('web'), service('web', '[{port: 80}]'));
    expect(model.services[0]?.ports).toEqual([{ name: '', port: 80, targetPort: 80, protocol: 'tcp' }]);
  });

  test('an AuthorizationPolicy allows, and matches nothing', () => {
    const text = 'apiVersion: security.istio.io/v1beta1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {}\n';
    expect(parse(workload('web'), text).policies).toEqual([
      { key: 'default/p', name: 'p', namespace: 'default', action: 'ALLOW', rules: [] },
    ]);
  });
});

describe('the protocol of a port', () => {
  test.each([
    ['{port: 1, name: http}', 'http'],
    ['{port: 1, name: http-api}', 'http'],
    ['{port: 1, name: http2}', 'http2'],
    ['{port: 1, name: grpc-x}', 'http2'],
    ['{port: 1, name: grpc-web-x}', 'http'],
    ['{port: 1, name: httpapi}', 'tcp'],
    ['{port: 1, name: https}', 'tcp'],
    ['{port: 1, name: redis}', 'tcp'],
    ['{port: 1}', 'tcp'],
    ['{port: 1, name: http, appProtocol: tcp}', 'tcp'],
    ['{port: 1, name: tcp, appProtocol: http}', 'http'],
    ['{port: 1, appProtocol: kubernetes.io/h2c}', 'http2'],
  ])('of %s is %s', (port, protocol) => {
    const model = parse(workload('web'), service('web', `[${port}]`));
    expect(model.services[0]?.ports[0]?.protocol).toBe(protocol);
  });
});

test('the order of files, documents and keys does not change the model', () => {
  const a = workload('a', 'x: "1", app: a');
  const b = workload('b', 'app: b');
  const s = service('a', '[{port: 2, name: x}, {port: 1, name: y}]');
  const one = parse(`${a}---\n${b}---\n${s}`);
  const other = parse(
    s.replace('{port: 2, name: x}, {port: 1, name: y}', '{port: 1, name: y}, {name: x, port: 2}'),
    b,
    a.replace('x: "1", app: a', 'app: a, x: "1"'),
  );
  expect(JSON.stringify(other)).toBe(JSON.stringify(one));
});

test('environment variables named like members of an object are kept', () => {
  const text = `${workload('web')}spec: {run: {command: [a], env: {__proto__: x, constructor: y}}}`;
  expect(JSON.stringify(parse(text).workloads[0]?.run?.env)).toBe('{"__proto__":"x","constructor":"y"}');
});

test('an anchor can be used in its document', () => {
  const text = `${workload('web')}spec: {run: {command: [&name web, *name]}}`;
  expect(parse(text).workloads[0]?.run?.command).toEqual(['web', 'web']);
});

test('an empty document between two others is left out', () => {
  expect(parse(`---\n${workload('a')}---\n---\n# none\n---\n${workload('b')}---\n`).workloads).toHaveLength(2);
});

test('a byte order mark and Windows line ends are accepted', () => {
  expect(parse(`\ufeff${workload('a').replaceAll('\n', '\r\n')}`).workloads).toHaveLength(1);
});

test('an empty selector of a policy is as none', () => {
  const text =
    'apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {selector: {matchLabels: {}}}\n';
  expect(parse(workload('web'), text).policies[0]).not.toHaveProperty('selector');
});

describe('mistakes', () => {
  test('all are listed at once, in the order of files and lines', () => {
    const bad = `${workload('web')}spec:\n  fastpath: auto\n  run:\n    command: nginx\n    user: 33\n`;
    expect(mistakes(service('web', '[{port: 0}]'), bad, 'kind: [\n')).toEqual([
      '1.yaml:4:45: spec.ports[0].port is 0; expected a number from 1 to 65535',
      '2.yaml:5:3: unknown field spec.fastpath; expected one of serviceAccount, run, fastPath',
      '2.yaml:7:14: spec.run.command is "nginx"; expected a list of texts, the program first',
      `2.yaml:8:11: spec.run.user is 33; expected a user's name`,
      '3.yaml:2:1: YAML: Flow sequence in block collection must be sufficiently indented and end with a ]; expected valid YAML 1.2',
    ]);
  });

  test('a value with two faults is named once', () => {
    expect(
      mistakes(`apiVersion: shunt.dev/v1alpha1\nkind: Workload\nmetadata: {name: ${'A'.repeat(64)}}\n`),
    ).toHaveLength(1);
  });

  test('a Service is not called dangling while a Workload has a mistake of its own', () => {
    expect(mistakes(service('web', '[{port: 1}]'), `${workload('web')}spec: {x: 1}`)).toHaveLength(1);
    expect(mistakes(service('web', '[{port: 1}]'))).toEqual([
      '1.yaml:4:18: no Workload in namespace default has the labels app=web; expected a selector that selects at least one',
    ]);
  });

  test('at most 100 are printed; all are in `problems`', () => {
    const text = Array.from({ length: 150 }, () => 'kind: X').join('\n---\n');
    const lines = mistakes(text);
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('… and 50 more');
  });

  test('a position in a document is that of its line in the file', () => {
    expect(mistakes(`${workload('a')}---\n# more\n${workload('b')}spec: {fastPath: on}`)).toEqual([
      '1.yaml:9:18: spec.fastPath is "on"; expected auto, sender-only or off',
    ]);
  });

  test('a second resource of one name says where the first is', () => {
    expect(mistakes(workload('a'), workload('a'))).toEqual([
      '2.yaml:3:18: a second Workload default/a; the first is at 1.yaml:3; expected one document for each kind, namespace and name',
    ]);
  });

  test('a port that two Services speak differently is named in the order of the file', () => {
    const http = service('web', '[{port: 90, name: tcp, targetPort: 9}, {port: 80, name: http, targetPort: 8}]');
    const tcp = http.replace('name: web}\nspec', 'name: web2}\nspec').replace('name: http,', 'name: redis,');
    expect(mistakes(workload('web'), http, tcp)).toEqual([
      '3.yaml:4:76: default/web:8 speaks tcp here and http in Service default/web; expected one protocol for a port of a workload',
    ]);
  });
});

describe('paths', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'shunt-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('a folder is read with its folders, hidden entries and other files left out', () => {
    mkdirSync(join(folder, 'sub'));
    mkdirSync(join(folder, '.data'));
    writeFileSync(join(folder, 'a.yaml'), workload('a'));
    writeFileSync(join(folder, 'sub', 'b.yml'), workload('b'));
    writeFileSync(join(folder, '.data', 'c.yaml'), workload('c'));
    writeFileSync(join(folder, 'notes.txt'), 'no YAML: [');
    symlinkSync(join(folder, '.data', 'c.yaml'), join(folder, 'd.yaml'));
    symlinkSync(folder, join(folder, 'loop'));
    expect(loadModel([folder]).workloads.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  test('a file that is named is read whatever its name', () => {
    writeFileSync(join(folder, 'mesh'), workload('a'));
    expect(loadModel([join(folder, 'mesh')]).workloads).toHaveLength(1);
  });

  test('what cannot be read is a problem with its path', () => {
    const missing = join(folder, 'x.yaml');
    expect(() => loadModel([missing, folder])).toThrow(
      `${folder}:1:1: no resource in the folder; expected files named *.yaml or *.yml\n` +
        `${missing}:1:1: cannot be read: no such file or directory; expected a YAML file or a folder of them`,
    );
  });

  test('an endless file is given up after 1 MiB', () => {
    expect(() => loadModel(['/dev/zero'])).toThrow('/dev/zero:1:1: the file has more than 1048576 bytes');
  });
});

/** YAML resources -> Model. */
import type { ResourceKey } from '../instance.ts';
import { authorizationPolicyKind } from './kinds/authorization-policy.ts';
import { DEFAULT_MESH, meshKind } from './kinds/mesh.ts';
import { serviceKind } from './kinds/service.ts';
import { wasmPluginKind } from './kinds/wasm-plugin.ts';
import { workloadKind } from './kinds/workload.ts';
import type { AuthorizationPolicy, Mesh, Model, Service, WasmPlugin, Workload } from './model.ts';
import { readModuleFile } from './module-file.ts';
import { checkModules, checkPluginTargets, type ReadModule } from './plugins.ts';
import { ConfigError, type Path, type Problem } from './problems.ts';
import { readSources } from './read.ts';
import { checkReferences } from './references.ts';
import { decodeSource, type Source } from './source.ts';
import { type Accepted, problemAt, validate } from './validate.ts';
import { parseYaml, type YamlDocument } from './yaml.ts';

/**
 * Reads files, folders (recursively, `*.yaml` and `*.yml`) and `-` (standard input) as kubectl's `-f` does.
 * @throws ConfigError (E_CONFIG) with every problem of every file; there is no partial model.
 */
export function loadModel(paths: readonly string[]): Model {
  return loadResources(paths).model;
}

/** As {@link loadModel}, with what was read: to be parsed again elsewhere (standard input cannot be read twice). */
export function loadResources(paths: readonly string[]): { model: Model; sources: readonly Source[] } {
  const { sources, problems } = readSources(paths);
  return { model: build(sources, problems), sources };
}

/**
 * The second half of {@link loadModel}: resources that were read elsewhere. Pure but for the modules of WasmPlugins, which
 * `readModule` reads. @throws ConfigError (E_CONFIG).
 */
export function parseResources(sources: readonly Source[], readModule?: ReadModule): Model {
  return build(sources, [], readModule);
}

function build(
  sources: readonly Source[],
  unreadable: readonly Problem[],
  readModule: ReadModule = (path) => readModuleFile(path),
): Model {
  const problems: Problem[][] = [[...unreadable]];
  const accepted: Accepted[] = [];
  for (const source of sources) {
    const { documents, faults } = documentsOf(source);
    problems.push(faults);
    for (const document of documents) {
      const result = validate(document);
      if (Array.isArray(result)) problems.push(result);
      else accepted.push(result);
    }
  }
  const complete = problems.every((list) => list.length === 0);
  const { model, origins, faults } = assemble(accepted);
  const all = [
    ...problems,
    faults,
    checkReferences(model, origins, complete),
    ...(complete ? [checkPluginTargets(model, origins)] : []),
    checkModules(model, origins, readModule),
  ].flat();
  if (all.length > 0) throw new ConfigError(all);
  return model;
}

function documentsOf(source: Source): { documents: YamlDocument[]; faults: Problem[] } {
  const decoded = decodeSource(source);
  if ('problem' in decoded) return { documents: [], faults: [decoded.problem] };
  const { documents, problems } = parseYaml(source.file, decoded.text);
  if (documents.length === 0 && problems.length === 0) {
    const what = 'the file has no resource';
    problems.push({ file: source.file, line: 1, column: 1, what, expected: 'at least one YAML document' });
  }
  return { documents, faults: problems };
}

/** Builds each resource; of two with one kind and name the second is a fault. */
function assemble(accepted: readonly Accepted[]): {
  model: Model;
  origins: Map<string, YamlDocument>;
  faults: Problem[];
} {
  const faults: Problem[] = [];
  const origins = new Map<string, YamlDocument>();
  const meshes: Mesh[] = [];
  const workloads: Workload[] = [];
  const services: Service[] = [];
  const policies: AuthorizationPolicy[] = [];
  const plugins: WasmPlugin[] = [];
  for (const { kind, resource, document } of accepted) {
    const reject = (path: Path, what: string, expected: string): void => {
      faults.push(problemAt(document, path, what, expected));
    };
    const built = kind.build(resource, reject);
    const name = kind.name === meshKind.name ? 'Mesh' : `${kind.name} ${(built as { key: ResourceKey }).key}`;
    const first = origins.get(name);
    if (first !== undefined) {
      const { line } = first.position(['metadata', 'name']);
      const expected = name === 'Mesh' ? 'at most one Mesh' : 'one document for each kind, namespace and name';
      reject(['metadata', 'name'], `a second ${name}; the first is at ${first.file}:${line}`, expected);
      continue;
    }
    origins.set(name, document);
    if (kind.name === meshKind.name) meshes.push(built as Mesh);
    else if (kind.name === workloadKind.name) workloads.push(built as Workload);
    else if (kind.name === serviceKind.name) services.push(built as Service);
    else if (kind.name === authorizationPolicyKind.name) policies.push(built as AuthorizationPolicy);
    else if (kind.name === wasmPluginKind.name) plugins.push(built as WasmPlugin);
  }
  const model: Model = {
    mesh: meshes[0] ?? DEFAULT_MESH,
    workloads: workloads.sort(byKey),
    services: services.sort(byKey),
    policies: policies.sort(byKey),
    plugins: plugins.sort(byKey),
  };
  return { model, origins, faults };
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

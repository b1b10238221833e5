/** What a WasmPlugin needs beyond its own text: workloads that HTTP leads to, and the module on this machine. */
import { appliesTo, ROOT_NAMESPACE } from './applies.ts';
import { NO_MODULE } from './kinds/wasm-plugin.ts';
import type { Model, WasmPlugin, Workload } from './model.ts';
import type { ModuleFile } from './module-file.ts';
import type { Problem } from './problems.ts';
import { endpointsOf } from './topology.ts';
import { problemAt } from './validate.ts';
import type { YamlDocument } from './yaml.ts';

export type ReadModule = (path: string) => ModuleFile;

/**
 * True when all workloads are selected, false when none is. A proxy decides before it knows to which of them a request
 * goes, so that nothing between is possible: then the text of the mistake.
 */
export function runsBefore(plugin: WasmPlugin, workloads: readonly Workload[]): boolean | string {
  const selected = workloads.find((workload) => appliesTo(plugin, workload));
  const other = workloads.find((workload) => !appliesTo(plugin, workload));
  if (selected === undefined || other === undefined) return selected !== undefined;
  return `WasmPlugin ${plugin.key} selects ${selected.key} and not ${other.key}`;
}

/** Plugins that would never run, or before some of the workloads of a Service only. */
export function checkPluginTargets(model: Model, origins: ReadonlyMap<string, YamlDocument>): Problem[] {
  const problems: Problem[] = [];
  for (const plugin of model.plugins) {
    const document = origins.get(`WasmPlugin ${plugin.key}`);
    if (document === undefined) continue;
    const path = plugin.selector === undefined ? ['metadata', 'namespace'] : ['spec', 'selector'];
    const reject = (what: string, expected: string): void => {
      problems.push(problemAt(document, path, what, expected));
    };
    const targets = httpTargets(model).map(({ service, workloads }) => ({
      service,
      runs: runsBefore(plugin, workloads),
    }));
    const split = targets.find(({ runs }) => typeof runs === 'string');
    if (split !== undefined) {
      reject(`${split.runs} of Service ${split.service}`, 'all or none of the workloads behind a Service');
    } else if (!targets.some(({ runs }) => runs)) {
      const where = plugin.namespace === ROOT_NAMESPACE ? 'the mesh' : `namespace ${plugin.namespace}`;
      const expected = 'a workload that a Service leads to by HTTP';
      reject(`WasmPlugin ${plugin.key} selects no workload in ${where} that HTTP leads to`, expected);
    }
  }
  return problems;
}

function httpTargets(model: Model): { service: string; workloads: Workload[] }[] {
  return model.services.flatMap((service) =>
    service.ports
      .filter(({ protocol }) => protocol !== 'tcp')
      .map((port) => ({
        service: service.key,
        workloads: endpointsOf(model, service, port).map(({ workload }) => workload),
      })),
  );
}

/** Modules that are not there, are none, or are not those that the resource names. */
export function checkModules(
  model: Model,
  origins: ReadonlyMap<string, YamlDocument>,
  readModule: ReadModule,
): Problem[] {
  return model.plugins.flatMap((plugin): Problem[] => {
    const document = origins.get(`WasmPlugin ${plugin.key}`);
    if (document === undefined || plugin.module === NO_MODULE) return [];
    const file = readModule(plugin.module);
    if ('problem' in file) return [problemAt(document, ['spec', 'url'], file.problem, file.expected)];
    if (file.sha256 === plugin.sha256) return [];
    const what = `${plugin.module} has the sha256 ${file.sha256}`;
    return [problemAt(document, ['spec', 'sha256'], what, `the module with ${plugin.sha256}, or the other sha256`)];
  });
}

/** What one resource alone cannot show: two of one name, names that lead nowhere, addresses and ports in conflict. Pure. */
import { ROOT_NAMESPACE } from './applies.ts';
import { contains, parseCidr, parseIpv4 } from './ipv4.ts';
import type { Model, Service, ServicePort } from './model.ts';
import type { Path, Problem } from './problems.ts';
import { endpointsOf, selects } from './topology.ts';
import { problemAt } from './validate.ts';
import type { YamlDocument } from './yaml.ts';

/** Where a resource of the model was written, by `kind namespace/name`. */
export type Origins = ReadonlyMap<string, YamlDocument>;

/** @param complete false: a Workload may be missing because its document has another problem; then nothing dangles. */
export function checkReferences(model: Model, origins: Origins, complete: boolean): Problem[] {
  const problems: Problem[] = [];
  const reject: RejectIn = (resource, path, what, expected) => {
    const document = origins.get(resource);
    if (document !== undefined) problems.push(problemAt(document, located(document, path), what, expected));
  };
  if (complete) {
    checkServiceSelectors(model, reject);
    checkPolicySelectors(model, reject);
  }
  const written = inOrderOf(origins, model.services);
  checkAddresses(model, written, reject);
  checkProtocols(model, written, reject);
  return problems;
}

/** A step `{port}` is the item of a list that has this port: the model's ports are sorted, the document's are not. */
type Steps = readonly (string | number | { readonly port: number })[];
type RejectIn = (resource: string, path: Steps, what: string, expected: string) => void;

function located(document: YamlDocument, steps: Steps): Path {
  const path: (string | number)[] = [];
  let at = document.value as Record<string | number, unknown> | undefined;
  for (const step of steps) {
    const name =
      typeof step === 'object'
        ? (at as unknown as { port: unknown }[]).findIndex(({ port }) => port === step.port)
        : step;
    path.push(name);
    at = at?.[name] as Record<string | number, unknown> | undefined;
  }
  return path;
}

/** As they were written: of two that are in conflict, the later one has the mistake. */
function inOrderOf(origins: Origins, services: readonly Service[]): Service[] {
  const order = new Map([...origins.keys()].map((name, index) => [name, index]));
  const at = ({ key }: Service): number => order.get(`Service ${key}`) ?? 0;
  return [...services].sort((a, b) => at(a) - at(b));
}

function checkServiceSelectors(model: Model, reject: RejectIn): void {
  for (const service of model.services) {
    if (model.workloads.some((w) => w.namespace === service.namespace && selects(service.selector, w.labels))) continue;
    const what = `no Workload in namespace ${service.namespace} has the labels ${labelsText(service.selector)}`;
    reject(`Service ${service.key}`, ['spec', 'selector'], what, 'a selector that selects at least one');
  }
}

function checkPolicySelectors(model: Model, reject: RejectIn): void {
  for (const { key, namespace, selector } of model.policies) {
    const root = namespace === ROOT_NAMESPACE;
    const candidates = model.workloads.filter((workload) => root || workload.namespace === namespace);
    if (selector === undefined) {
      if (root || candidates.length > 0) continue;
      const path = ['metadata', 'namespace'];
      reject(
        `AuthorizationPolicy ${key}`,
        path,
        `no Workload is in namespace ${namespace}`,
        'a namespace of workloads',
      );
    } else if (!candidates.some((workload) => selects(selector, workload.labels))) {
      const where = root ? 'the mesh' : `namespace ${namespace}`;
      const what = `no Workload in ${where} has the labels ${labelsText(selector)}`;
      reject(`AuthorizationPolicy ${key}`, ['spec', 'selector'], what, 'a selector that selects at least one');
    }
  }
}

function checkAddresses(model: Model, written: readonly Service[], reject: RejectIn): void {
  const taken = new Map<string, string>();
  const workloads = parseCidr(model.mesh.network.workloadCidr ?? '');
  const services = parseCidr(model.mesh.network.serviceCidr ?? '');
  for (const { key, clusterIp } of written) {
    const address = parseIpv4(clusterIp ?? '');
    if (clusterIp === undefined || address === undefined) continue;
    const refuse = (what: string, expected: string) => reject(`Service ${key}`, ['spec', 'clusterIP'], what, expected);
    const other = taken.get(clusterIp);
    if (other !== undefined) refuse(`clusterIP ${clusterIp} is also that of Service ${other}`, 'an address of its own');
    else if (workloads !== undefined && contains(workloads, address)) {
      refuse(`clusterIP ${clusterIp} is inside workloadCidr ${model.mesh.network.workloadCidr}`, 'an address outside');
    } else if (services !== undefined && !contains(services, address)) {
      refuse(`clusterIP ${clusterIp} is outside serviceCidr ${model.mesh.network.serviceCidr}`, 'an address inside');
    }
    taken.set(clusterIp, key);
  }
}

/** A workload's port is reached under its own address too, so that all Services must agree on what is spoken there. */
function checkProtocols(model: Model, written: readonly Service[], reject: RejectIn): void {
  const spoken = new Map<string, { protocol: ServicePort['protocol']; service: string }>();
  for (const service of written) {
    for (const port of service.ports) {
      for (const { workload } of endpointsOf(model, service, port)) {
        const target = `${workload.key}:${port.targetPort}`;
        const first = spoken.get(target);
        if (first === undefined) spoken.set(target, { protocol: port.protocol, service: service.key });
        else if (first.protocol !== port.protocol) {
          const what = `${target} speaks ${port.protocol} here and ${first.protocol} in Service ${first.service}`;
          const path = ['spec', 'ports', { port: port.port }] as const;
          reject(`Service ${service.key}`, path, what, 'one protocol for a port of a workload');
          break;
        }
      }
    }
  }
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

import { authorizationPolicyKind } from './authorization-policy.ts';
import type { Kind } from './kind.ts';
import { meshKind } from './mesh.ts';
import { serviceKind } from './service.ts';
import { wasmPluginKind } from './wasm-plugin.ts';
import { workloadKind } from './workload.ts';

/** All kinds, in the order of the documentation. */
export const KINDS = [meshKind, workloadKind, serviceKind, authorizationPolicyKind, wasmPluginKind] as readonly Kind[];

/** Kinds that users of a mesh may expect here, so that the message can say more than "unknown". */
export const REFUSED_KINDS: ReadonlySet<string> = new Set([
  ...['PeerAuthentication', 'RequestAuthentication', 'Telemetry', 'VirtualService', 'DestinationRule'],
  ...['Gateway', 'ServiceEntry', 'Sidecar', 'EnvoyFilter', 'WorkloadEntry', 'WorkloadGroup', 'HTTPRoute', 'GRPCRoute'],
  ...['TCPRoute', 'Pod', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'Namespace', 'ServiceAccount', 'ConfigMap'],
  ...['Secret', 'Ingress', 'Endpoints', 'EndpointSlice', 'NetworkPolicy', 'List'],
]);

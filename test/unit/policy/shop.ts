/** A small mesh for the tests of policy: two namespaces, three callers, HTTP and TCP destinations. */
import { parseResources } from '../../../src/config/load.ts';
import { placeTopology } from '../../../src/config/placement.ts';
import type { Topology } from '../../../src/config/topology.ts';

const MESH = `\
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {serviceAccount: web}
---
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: api, namespace: shop, labels: {app: api, tier: back}}
spec: {serviceAccount: api}
---
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: cache-0, namespace: shop, labels: {app: cache, tier: back, shard: "0"}}
---
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: cache-1, namespace: shop, labels: {app: cache, tier: back, shard: "1"}}
---
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: {name: probe, namespace: tools, labels: {app: probe}}
spec: {serviceAccount: prober}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec:
  clusterIP: 10.200.0.1
  selector: {app: api}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: http-admin, port: 81, targetPort: 9090}, {name: sql, port: 82, targetPort: 5432}]
---
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: shop}
spec: {clusterIP: 10.200.0.2, selector: {app: cache}, ports: [{name: redis, port: 6379}]}
`;

/** A policy `shop/NAME`, or in another namespace, with this spec (YAML flow style). */
export function policy(spec: string, name = 'p', namespace = 'shop'): string {
  return `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
`;
}

export function shop(...policies: readonly string[]): Topology {
  const model = parseResources([{ file: 'shop.yaml', text: Buffer.from(MESH + policies.join('')) }]);
  return placeTopology(model, undefined, { instance: 'default', busyCidrs: [] });
}

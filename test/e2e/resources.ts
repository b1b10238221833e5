/** Resources that most end-to-end tests start from: `client` may GET /ok of `echo` and nothing else; `cache` is Redis. */
import { join } from 'node:path';
import { ROOT } from '../support/mesh.ts';

const NODE = join(ROOT, 'node_modules/.bin/node');

export const ECHO = `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: echo, labels: { app: echo } }
spec:
  serviceAccount: echo
  run: { command: ["${NODE}", "${join(ROOT, 'test/e2e/programs/echo.ts')}", "8080"] }
---
apiVersion: v1
kind: Service
metadata: { name: echo }
spec:
  selector: { app: echo }
  ports: [{ name: http, port: 80, targetPort: 8080 }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: echo-clients }
spec:
  selector: { matchLabels: { app: echo } }
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["cluster.local/ns/default/sa/client"] } }]
      to: [{ operation: { methods: ["GET", "POST", "PUT"], paths: ["/ok*"] } }]
`;

export const CACHE = `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: cache, labels: { app: cache } }
spec:
  serviceAccount: cache
  run: { command: ["redis-server", "--port", "6379", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"] }
---
apiVersion: v1
kind: Service
metadata: { name: cache }
spec:
  selector: { app: cache }
  ports: [{ name: tcp-redis, port: 6379 }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: cache-clients }
spec:
  selector: { matchLabels: { app: cache } }
  rules:
    - from: [{ source: { principals: ["cluster.local/ns/default/sa/client"] } }]
`;

/** A workload that keeps sending to echo: /ok is allowed, /secret is denied. */
export const LOAD = `
apiVersion: shunt.dev/v1alpha1
kind: Workload
metadata: { name: load, labels: { app: load } }
spec:
  serviceAccount: client
  run:
    restart: never
    command: ["${NODE}", "${join(ROOT, 'test/e2e/programs/load.ts')}", "http://echo/ok", "http://echo/secret", "4"]
`;

export function documents(...parts: readonly string[]): string {
  return parts.join('---');
}

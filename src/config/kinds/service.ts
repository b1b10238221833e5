import Type, { type Static } from 'typebox';
import { formatIpv4, parseIpv4, reservedFor } from '../ipv4.ts';
import type { Service, ServicePort } from '../model.ts';
import { shown } from '../problems.ts';
import { DEFAULT_NAMESPACE, DnsLabel, fields, Labels, Metadata, Port, resource } from './fields.ts';
import type { Kind, Reject } from './kind.ts';
import { sortedByName } from './workload.ts';

/** What each `appProtocol` of Kubernetes and Istio that shunt serves means here. */
const APP_PROTOCOLS: Readonly<Record<string, ServicePort['protocol']>> = {
  http: 'http',
  'grpc-web': 'http',
  http2: 'http2',
  grpc: 'http2',
  'kubernetes.io/h2c': 'http2',
  tcp: 'tcp',
  tls: 'tcp',
  https: 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
};

/** Envoy's listener has this port in every workload's namespace (docs/architecture.md). */
const OUTBOUND_PORT = 15001;

const ELSEWHERE = 'not supported by shunt: a Service is an address for workloads of this node';

const ServicePortSchema = fields(
  {
    name: Type.Optional(
      DnsLabel(
        'Required when there are several ports, as in Kubernetes. Its first part can name the protocol: `http`, `http-api`.',
      ),
    ),
    port: Port('Port that clients connect to.'),
    targetPort: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65535,
        description: 'Port of the workload, as a number. Default: `port`.',
        expected: 'a number from 1 to 65535; named ports are not supported by shunt',
      }),
    ),
    protocol: Type.Optional(
      Type.Enum(['TCP'], { description: 'Transport. Default `TCP`.', expected: 'TCP; UDP and SCTP are not captured' }),
    ),
    appProtocol: Type.Optional(
      Type.Enum(Object.keys(APP_PROTOCOLS), {
        description:
          '`http` and `grpc-web` are served as HTTP/1.1; `http2`, `grpc` and `kubernetes.io/h2c` as HTTP/2; all others as ' +
          'TCP. Default: by the first part of the name, as in Istio, else TCP.',
        expected: `one of ${Object.keys(APP_PROTOCOLS).join(', ')}`,
      }),
    ),
  },
  { refused: { nodePort: ELSEWHERE } },
);

const Spec = fields(
  {
    type: Type.Optional(
      Type.Enum(['ClusterIP'], {
        description: 'Default `ClusterIP`, the only one.',
        expected: 'ClusterIP; NodePort, LoadBalancer and ExternalName are not supported by shunt',
      }),
    ),
    clusterIP: Type.Optional(
      Type.String({
        description:
          'IPv4 address that clients connect to. Default: one of `Mesh` `spec.network.serviceCidr` that stays while the ' +
          'Service exists.',
        expected: 'an IPv4 address',
      }),
    ),
    selector: Labels('Labels of the workloads behind it, in its own namespace. All must be equal.', 1),
    ports: Type.Array(ServicePortSchema, {
      minItems: 1,
      maxItems: 100,
      expected: 'a list of 1 to 100 ports',
    }),
  },
  {
    refused: {
      externalName: ELSEWHERE,
      externalIPs: ELSEWHERE,
      externalTrafficPolicy: ELSEWHERE,
      loadBalancerIP: ELSEWHERE,
      loadBalancerClass: ELSEWHERE,
      loadBalancerSourceRanges: ELSEWHERE,
      allocateLoadBalancerNodePorts: ELSEWHERE,
      healthCheckNodePort: ELSEWHERE,
      internalTrafficPolicy: 'not supported by shunt: all workloads are on this node',
      trafficDistribution: 'not supported by shunt: all workloads are on this node',
      clusterIPs: 'not supported by shunt; use clusterIP',
      ipFamilies: 'not supported by shunt: IPv4 only',
      ipFamilyPolicy: 'not supported by shunt: IPv4 only',
      publishNotReadyAddresses: 'not supported by shunt',
      sessionAffinity: 'not supported by shunt',
      sessionAffinityConfig: 'not supported by shunt',
    },
  },
);

const apiVersions = ['v1'];

export const serviceKind: Kind<Static<typeof Spec>, Service> = {
  name: 'Service',
  summary:
    'An address and ports in front of workloads. Clients connect to it; the proxy or the kernel chooses the workload.',
  apiVersions,
  schema: resource('Service', apiVersions, { metadata: Metadata, spec: Spec }),
  build: ({ metadata, spec }, reject) => {
    const { name, namespace = DEFAULT_NAMESPACE } = metadata;
    const { clusterIP, selector, ports } = spec as Static<typeof Spec>;
    checkPorts(ports, reject);
    return {
      key: `${namespace}/${name}`,
      name,
      namespace,
      ...(clusterIP === undefined ? {} : { clusterIp: checkedAddress(clusterIP, reject) }),
      selector: sortedByName(selector),
      ports: ports.map(servicePort).sort((a, b) => a.port - b.port),
    };
  },
  example: `\
apiVersion: v1
kind: Service
metadata:
  name: api
  namespace: shop
spec:
  type: ClusterIP
  clusterIP: 10.78.0.80
  selector:
    app: api
  ports:
    - name: http
      port: 80
      targetPort: 8080
    - name: sql
      protocol: TCP
      appProtocol: tcp
      port: 5432
`,
};

function servicePort(port: Static<typeof ServicePortSchema>): ServicePort {
  const { name = '', appProtocol, targetPort = port.port } = port;
  return { name, port: port.port, targetPort, protocol: APP_PROTOCOLS[appProtocol ?? ''] ?? protocolOfName(name) };
}

/** Istio's rule: the protocol is the name up to the first `-` (`grpc-web` has one itself). */
function protocolOfName(name: string): ServicePort['protocol'] {
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'http';
  const [first = ''] = name.split('-');
  return first === 'http' ? 'http' : first === 'http2' || first === 'grpc' ? 'http2' : 'tcp';
}

function checkPorts(ports: Static<typeof ServicePortSchema>[], reject: Reject): void {
  const numbers = new Set<number>();
  const names = new Set<string>();
  for (const [index, { name, port, targetPort }] of ports.entries()) {
    const path = ['spec', 'ports', index];
    if (numbers.has(port)) reject([...path, 'port'], `port ${port} is there twice`, 'each port once in a Service');
    numbers.add(port);
    if (name === undefined && ports.length > 1) reject(path, 'a port without a name', 'names where there are several');
    if (name !== undefined && names.has(name)) {
      reject([...path, 'name'], `port name ${name} is there twice`, 'each name once in a Service');
    }
    names.add(name ?? '');
    if ((targetPort ?? port) === OUTBOUND_PORT) {
      const field = targetPort === undefined ? 'port' : 'targetPort';
      reject([...path, field], `${field} ${OUTBOUND_PORT} is the port of the proxy in every workload`, 'another port');
    }
  }
}

function checkedAddress(clusterIp: string, reject: Reject): string {
  const path = ['spec', 'clusterIP'];
  const address = parseIpv4(clusterIp);
  if (address === undefined) {
    const headless = clusterIp === 'None' ? '; headless Services are not supported by shunt' : '';
    reject(path, `clusterIP is ${shown(clusterIp)}`, `an IPv4 address${headless}`);
    return clusterIp;
  }
  const reserved = reservedFor({ base: address, prefix: 32 });
  if (reserved !== undefined) reject(path, `clusterIP ${clusterIp} is ${reserved}`, 'a unicast address');
  return formatIpv4(address);
}

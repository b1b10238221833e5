/**
 * The validated model: what `src/config` makes of YAML, and all that the rest of shunt knows of configuration.
 * Every default is filled in, every reference resolves, every list is sorted by key; equal resources give equal models.
 */
import type { ResourceKey } from '../instance.ts';

export interface Model {
  readonly mesh: Mesh;
  readonly workloads: readonly Workload[];
  readonly services: readonly Service[];
  readonly policies: readonly AuthorizationPolicy[];
  readonly plugins: readonly WasmPlugin[];
}

/** `kind: Mesh` (shunt.dev/v1alpha1), at most one; all defaults where there is none. */
export interface Mesh {
  /** First part of every principal. Default `cluster.local`. */
  readonly trustDomain: string;
  readonly network: {
    /** Addresses of workloads, IPv4 CIDR /16 to /28. Absent: a /24 that is free on this machine, chosen at the first `up`. */
    readonly workloadCidr?: string;
    /** Addresses of Services. Absent: as above. */
    readonly serviceCidr?: string;
  };
  readonly fastPath: {
    /** Default true. false: no program of the fast path is loaded. */
    readonly enabled: boolean;
    /** Segments received by a socket before it is promoted. Default 8 (no one-request connection is promoted). */
    readonly promoteAfterSegments: number;
    /** Most bytes redirected towards a reader that did not empty its queue yet, a direction. Default 1 MiB. */
    readonly maxQueuedBytes: number;
    /** Base names of executables that wait edge-triggered but read until EAGAIN, beyond the built-in list. */
    readonly greedyReaders: readonly string[];
  };
  readonly proxy: {
    /** Envoy worker threads. Default: the number of CPUs. */
    readonly concurrency?: number;
  };
}

/** `kind: Workload` (shunt.dev/v1alpha1): a cgroup and a network namespace with a service account. */
export interface Workload {
  readonly key: ResourceKey;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Default `default`. Principal: TRUSTDOMAIN/ns/NAMESPACE/sa/SERVICEACCOUNT. */
  readonly serviceAccount: string;
  /** Absent: the namespace is made and the command comes from elsewhere (`shunt run`). */
  readonly run?: RunSpec;
  /** `off`: its sockets are never promoted. `sender-only`: never redirected to. `auto`: the kernel decides per reader. */
  readonly fastPath: 'auto' | 'sender-only' | 'off';
}

export interface RunSpec {
  /** Program and arguments; the program is looked up in PATH. No shell. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** User name to run as. Default root. */
  readonly user?: string;
  /** Default `/`. */
  readonly workingDir: string;
  /** `always`: started again with back-off when it exits. Default `always`. */
  readonly restart: 'always' | 'never';
}

/** `kind: Service` (v1), the subset that makes sense on one node. */
export interface Service {
  readonly key: ResourceKey;
  readonly name: string;
  readonly namespace: string;
  /** The address that clients connect to. Absent: chosen from `mesh.network.serviceCidr`. */
  readonly clusterIp?: string;
  /** Labels of the workloads behind it, in its own namespace. */
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  /** From `appProtocol`, else from the name's prefix as Istio does (`http`, `http2`, `grpc`), else `tcp`. */
  readonly protocol: 'http' | 'http2' | 'tcp';
}

/** `kind: AuthorizationPolicy` (security.istio.io/v1), with Istio's semantics. */
export interface AuthorizationPolicy {
  readonly key: ResourceKey;
  readonly name: string;
  readonly namespace: string;
  /** `AUDIT`: counted and logged, decides nothing. */
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT';
  /** Not enforced: what the dry-run policies alone would decide is counted. Absent: enforced. Never of an AUDIT policy. */
  readonly dryRun?: true;
  /** Absent: every workload of the namespace (of the mesh, in the root namespace `istio-system`). */
  readonly selector?: Readonly<Record<string, string>>;
  /** No rules: never matches (an ALLOW policy without rules denies everything). */
  readonly rules: readonly PolicyRule[];
}

/** Matches when any `from`, any `to` and all of `when` match; an empty list matches everything. */
export interface PolicyRule {
  readonly from: readonly PolicySource[];
  readonly to: readonly PolicyOperation[];
  readonly when?: readonly PolicyCondition[];
}

/**
 * All given fields must match, each by any of its values, `not…` by none of them. Values: exact, `prefix*`, `*suffix`, `*`
 * (present).
 */
export interface PolicySource {
  readonly principals?: readonly string[];
  readonly notPrincipals?: readonly string[];
  readonly namespaces?: readonly string[];
  readonly notNamespaces?: readonly string[];
  /** Addresses and networks, IPv4 or IPv6: of the connection's peer. */
  readonly ipBlocks?: readonly string[];
  readonly notIpBlocks?: readonly string[];
  /** As `ipBlocks`: of whom the proxy takes the request to be from, by x-forwarded-for where it is trusted. */
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
  /** `ISSUER/SUBJECT` of the token that jwt_authn verified. */
  readonly requestPrincipals?: readonly string[];
  readonly notRequestPrincipals?: readonly string[];
}

export interface PolicyOperation {
  /** Of the host header with its port, in any case. */
  readonly hosts?: readonly string[];
  readonly notHosts?: readonly string[];
  readonly methods?: readonly string[];
  readonly notMethods?: readonly string[];
  /** Also `{*}` (one path segment) and `{**}` (any number), as in Istio. Matched without the query. */
  readonly paths?: readonly string[];
  readonly notPaths?: readonly string[];
  /** Ports of the workload (targetPort), as decimal strings. */
  readonly ports?: readonly string[];
  readonly notPorts?: readonly string[];
}

/** At least one of `values` and `notValues` is there. */
export interface PolicyCondition {
  /** As Istio has it: `source.ip`, `request.headers[NAME]`, `request.auth.claims[NAME][NAME]`, … */
  readonly key: string;
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}

/** `kind: WasmPlugin` (extensions.istio.io/v1alpha1): a filter of the user's own for HTTP requests to the workloads that it selects. */
export interface WasmPlugin {
  readonly key: ResourceKey;
  readonly name: string;
  readonly namespace: string;
  /** Absent: every workload of the namespace (of the mesh, in the root namespace `istio-system`). */
  readonly selector?: Readonly<Record<string, string>>;
  /** Absolute path of the module. What runs is a copy, so that its bytes are always those of `sha256`. */
  readonly module: string;
  /** 64 small hex digits. */
  readonly sha256: string;
  /** Before (`AUTHN`, `AUTHZ`) or after the authorization policies; `UNSPECIFIED_PHASE` is last. */
  readonly phase: 'AUTHN' | 'AUTHZ' | 'STATS' | 'UNSPECIFIED_PHASE';
  /** Of two plugins of one phase the higher runs first. Default 0. */
  readonly priority: number;
  /** `FAIL_OPEN`: requests pass without the plugin once its VM failed; never in the phases AUTHN and AUTHZ. */
  readonly failStrategy: 'FAIL_CLOSE' | 'FAIL_OPEN';
  /** Name by which the module chooses one of several filters (root id). Empty where it has one. */
  readonly pluginName: string;
  /** JSON text, names of maps in order. Absent: the module gets an empty configuration. */
  readonly pluginConfig?: string;
  /** Environment of the module. */
  readonly env: Readonly<Record<string, string>>;
}

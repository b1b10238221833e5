/** A filter that tests the SDK: it does what a request's `x-do` or its configuration says. No product. */
import { registerRoot } from "../../assembly";
import { ProbeRoot } from "./root";

export * from "../../assembly/exports/base";
export * from "../../assembly/exports/done";
export * from "../../assembly/exports/foreign";
export * from "../../assembly/exports/grpc";
export * from "../../assembly/exports/http-call";
export * from "../../assembly/exports/log";
export * from "../../assembly/exports/queue";
export * from "../../assembly/exports/request-body";
export * from "../../assembly/exports/request-headers";
export * from "../../assembly/exports/request-trailers";
export * from "../../assembly/exports/response-body";
export * from "../../assembly/exports/response-headers";
export * from "../../assembly/exports/response-trailers";
export * from "../../assembly/exports/tcp";
export * from "../../assembly/exports/tick";

registerRoot(() => new ProbeRoot());

import { MB, NODE, type Subject, source } from '../subject.ts';

const common = { missing: () => undefined, version: () => `Node ${process.version}`, largestBytes: 100 * MB };

export const nodeEcho: Subject = {
  ...common,
  name: 'node',
  title: 'Node, net',
  protocol: 'echo',
  command: ({ port }) => [NODE, source('echo-server.ts'), '0.0.0.0', String(port)],
};

export const nodeHttp: Subject = {
  ...common,
  name: 'node-http',
  title: 'Node, http',
  protocol: 'http',
  command: ({ port }) => [NODE, source('http-server.ts'), '0.0.0.0', String(port)],
};

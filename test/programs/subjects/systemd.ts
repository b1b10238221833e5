import { firstLine, MB, missingExecutable, type Subject } from '../subject.ts';

const ACTIVATE = '/usr/bin/systemd-socket-activate';
const PROXY = '/lib/systemd/systemd-socket-proxyd';

/** Splices from its first byte on, so it is found out before it is promoted. */
export const socketProxy: Subject = {
  name: 'systemd-proxy',
  title: 'systemd-socket-proxyd',
  protocol: 'echo',
  largestBytes: 100 * MB,
  missing: () => missingExecutable(ACTIVATE, PROXY),
  version: () => firstLine(PROXY, '--version'),
  command: ({ port, upstream }) => [
    ACTIVATE,
    `--listen=0.0.0.0:${port}`,
    PROXY,
    '--exit-idle-time=infinity',
    `${upstream.ip}:${upstream.port}`,
  ],
};

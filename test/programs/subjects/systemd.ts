import { firstLine, MB, missingExecutable, type Subject } from '../subject.ts';

const ACTIVATE = '/usr/bin/systemd-socket-activate';
const PROXY = '/lib/systemd/systemd-socket-proxyd';

/** Ends the connection when splice(2) is refused, so it is known by its name, and only sends. */
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

/** One virtual machine: a kernel over this machine's root, which it sees read-only, running one command as root. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, unwatchFile, watchFile, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KernelImage } from './image.ts';

const MEMORY_MIB = 1536;
const REPORT_MS = 2000;
const VIRTIOFSD = ['/usr/lib/qemu/virtiofsd', '/usr/libexec/virtiofsd'];

export interface GuestOptions {
  readonly image: KernelImage;
  /** Made anew; holds the console, the logs and the answers. */
  readonly directory: string;
  /** Reachable in the guest, wherever it is mounted here. */
  readonly root: string;
  /** For bash. What it writes to "$REPORT" is handed back; what it writes elsewhere is lost with the guest. */
  readonly script: string;
  readonly processors: number;
  /** A guest that says nothing for so long is stopped. */
  readonly silenceMs: number;
  readonly onOutput: (text: string) => void;
  /** Called with all that is in "$REPORT" so far, some time after it grew. */
  readonly onReport: (report: string) => void;
}

export interface GuestResult {
  /** What the command wrote to "$REPORT", as far as it came. */
  readonly report: string;
  /** Why the command did not end by itself, with the end of the guest's console. */
  readonly problem?: string;
}

/** @throws when there is no virtiofsd, or it ends at once. */
export async function runGuest(options: GuestOptions): Promise<GuestResult> {
  const { directory, image } = options;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const file = (name: string): string => join(directory, name);
  for (const name of ['status', 'report', 'console']) writeFileSync(file(name), '');
  writeFileSync(file('command'), options.script);

  using children = new DisposableStack();
  const start = (command: string[], onOutput: (text: string) => void): ChildProcess => {
    // A runner that is killed takes its guest along. Standard input stays open: at its end QEMU would close the port that
    // is joined to its standard output, and the guest would wait for ever to write.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...command], { stdio: 'pipe' });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput);
    children.defer(() => void child.kill('SIGKILL'));
    return child;
  };
  let log = '';
  const share = start(shareCommand(options.root, file('share.sock')), (text) => {
    log += text;
  });
  while (!existsSync(file('share.sock'))) {
    if (share.exitCode !== null) throw new Error(`virtiofsd ended: ${log}`);
    await delay(10);
  }
  const reported = (): string => readFileSync(file('report'), 'utf8');
  watchFile(file('report'), { interval: REPORT_MS }, () => options.onReport(reported()));
  children.defer(() => unwatchFile(file('report')));
  const end = await new Promise<string>((resolve) => {
    const silent = (): void => resolve(`silent for ${options.silenceMs / 1000} s`);
    const silence = setTimeout(silent, options.silenceMs);
    const machine = start(machineCommand(options, file), (text) => {
      silence.refresh();
      options.onOutput(text);
    });
    machine.once('close', (code) => {
      clearTimeout(silence);
      resolve(`QEMU exit ${code}`);
    });
  });

  const report = reported();
  if (readFileSync(file('status'), 'utf8').trim() !== '') return { report };
  const console = readFileSync(file('console'), 'utf8').trim().split('\n').slice(-20).join('\n');
  return { report, problem: `guest ${image.release}: ${end}; its console ends with\n${console}\n${log}`.trim() };
}

/**
 * virtiofsd itself sees the root read-only, by bind mounts in a mount namespace of its own: a guest's root may remount what
 * it has, but not what is behind virtiofsd. The checkout is bound apart because it may be on another file system.
 */
function shareCommand(root: string, socket: string): string[] {
  const program = VIRTIOFSD.find((path) => existsSync(path));
  if (program === undefined) throw new Error(`no virtiofsd at ${VIRTIOFSD.join(' or ')}`);
  const script = `set -e; shared=$0 root=$1; shift
    mkdir -p "$shared"; mount --bind / "$shared"; mount --bind "$root" "$shared$root"
    for at in "$shared$root" "$shared"; do mount -o remount,bind,ro "$at"; done
    exec "$@"`;
  const options = `source=/mnt,cache=always,sandbox=chroot,no_posix_lock,no_writeback`;
  return [
    ...['unshare', '--mount', 'bash', '-c', script, '/mnt', root],
    ...[program, `--socket-path=${socket}`, '-o', options, '--thread-pool-size=0'],
  ];
}

function machineCommand({ image, root, processors }: GuestOptions, file: (name: string) => string): string[] {
  const append = [
    ...['console=ttyS0', 'panic=-1', 'quiet', 'loglevel=4', 'mitigations=off', 'tsc=reliable', 'no_timer_check'],
    ...[`shunt.kernel=${image.directory}`, `shunt.command=${file('command')}`, `shunt.checkout=${root}`],
  ];
  const port = (name: string): string[] => ['-device', `virtserialport,chardev=${name},name=${name}`];
  return [
    'qemu-system-x86_64',
    // Several threads of QEMU 7.2's TCG make guests panic. With erms a kernel copies and clears by `rep movsb`, of which
    // each byte is emulated apart: a sixth of the time.
    ...[
      '-accel',
      'tcg,thread=single,tb-size=256',
      '-cpu',
      'max,-erms,-fsrm',
      '-smp',
      `${processors}`,
      '-m',
      `${MEMORY_MIB}`,
    ],
    ...[
      '-machine',
      'q35,memory-backend=memory',
      '-object',
      `memory-backend-memfd,id=memory,size=${MEMORY_MIB}M,share=on`,
    ],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-monitor', 'none'],
    ...['-kernel', image.vmlinuz, '-initrd', image.initrd, '-append', append.join(' ')],
    ...['-chardev', `file,id=console,path=${file('console')}`, '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-pci', '-chardev', 'stdio,id=output,signal=off', ...port('output')],
    ...['report', 'status'].flatMap((name) => ['-chardev', `file,id=${name},path=${file(name)}`, ...port(name)]),
    ...['-chardev', `socket,id=share,path=${file('share.sock')}`],
    ...['-device', 'vhost-user-fs-pci,chardev=share,tag=root,queue-size=1024'],
    ...['-object', 'rng-random,id=random,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=random'],
  ];
}

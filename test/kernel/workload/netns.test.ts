import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { netnsName, netnsPath, type ResourceKey } from '../../../src/instance.ts';
import { ensureNetns, listNetns, removeNetns } from '../../../src/workload/netns.ts';
import { nodeDeviceName } from '../../../src/workload/netns-plan.ts';
import { machineSnapshot } from '../../support/snapshot.ts';
import { TestMachine } from '../../support/topology-machine.ts';

const A = 'default/a';
const B = 'default/b';

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

/** Everything that ensureNetns could have touched, as `ip` tells it. Counters of packets are not in it. */
function seen(machine: TestMachine, workload: ResourceKey): string {
  const netns = netnsName(machine.instance.name, workload);
  const device = nodeDevice(machine, workload);
  return [
    ip('-n', netns, '-j', 'address', 'show'),
    ip('-n', netns, '-j', 'route', 'show', 'table', 'all'),
    ip('-j', 'link', 'show', 'dev', device),
    ip('-j', 'address', 'show', 'dev', device),
    ip('-j', 'route', 'show', 'dev', device),
    inside(machine, workload, 'sysctl', '-a', '--pattern', 'disable_ipv6'),
    sysctl(`net/ipv4/conf/${device}/forwarding`),
  ].join('\n');
}

function nodeDevice(machine: TestMachine, workload: ResourceKey): string {
  return nodeDeviceName(machine.topology.workloadIps[workload] as string);
}

function inside(machine: TestMachine, workload: ResourceKey, ...command: string[]): string {
  const path = netnsPath(netnsName(machine.instance.name, workload));
  return execFileSync('nsenter', [`--net=${path}`, ...command], { encoding: 'utf8' });
}

function sysctl(path: string): string {
  return readFileSync(`/proc/sys/${path}`, 'utf8').trim();
}

/** A connection from one workload's namespace to the other's address, answered there. */
function greet(machine: TestMachine, from: ResourceKey, to: ResourceKey): string {
  const server = `
    const net = require('node:net');
    const { spawn } = require('node:child_process');
    const [path, ip] = process.argv.slice(1);
    const client = \`require('node:net').connect(8080, '\${ip}').on('data', (data) => process.stdout.write(data))
      .on('error', (error) => process.stdout.write(error.code))\`;
    const server = net.createServer((socket) => socket.end('hello ' + socket.remoteAddress)).listen(8080, '0.0.0.0', () => {
      const child = spawn('nsenter', ['--net=' + path, process.execPath, '-e', client], { stdio: 'inherit' });
      child.on('exit', () => server.close());
    });`;
  const path = netnsPath(netnsName(machine.instance.name, from));
  return inside(machine, to, process.execPath, '-e', server, path, machine.topology.workloadIps[to] as string);
}

describe('the network of a workload', () => {
  test('two workloads reach each other by their own addresses, without forwarding for the machine', async () => {
    await using machine = await TestMachine.up({ workloads: [A, B] });
    expect(greet(machine, A, B)).toBe(`hello ${machine.topology.workloadIps[A]}`);
    expect(greet(machine, B, A)).toBe(`hello ${machine.topology.workloadIps[B]}`);
    expect(sysctl(`net/ipv4/conf/${nodeDevice(machine, A)}/forwarding`)).toBe('1');
  });

  test('a packet with an address of somebody else does not leave the workload', async () => {
    await using machine = await TestMachine.up({ workloads: [A, B] });
    const ours = machine.topology.workloadIps[A] as string;
    const theirs = machine.topology.workloadIps[B] as string;
    const received = (): number =>
      JSON.parse(inside(machine, B, 'ip', '-j', '-s', 'link', 'show', 'dev', 'eth0'))[0].stats64.rx.packets;
    const send = (from: string) =>
      inside(
        machine,
        A,
        process.execPath,
        '-e',
        `const socket = require('node:dgram').createSocket('udp4').bind(0, '${from}', () =>
           socket.send('x', 9, '${theirs}', () => socket.close()))`,
      );
    send(ours);
    const before = received();
    expect(before).toBeGreaterThan(0);
    inside(machine, A, 'ip', 'address', 'add', '192.0.2.99/32', 'dev', 'eth0');
    send('192.0.2.99');
    send(ours); // In order behind it: when this one is there, the forged one would be too.
    await expect.poll(received).toBe(before + 1);
  });

  test('eth0 has no IPv6 address, and ::1 stays', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const devices = JSON.parse(inside(machine, A, 'ip', '-j', 'address', 'show'));
    const addresses = (name: string): string[] =>
      devices
        .find((device: { ifname: string }) => device.ifname === name)
        .addr_info.map(({ local }: { local: string }) => local);
    expect(addresses('eth0')).toEqual([machine.topology.workloadIps[A]]);
    expect(addresses('lo')).toEqual(['127.0.0.1', '::1']);
  });

  test('a second ensure changes nothing', async () => {
    await using machine = await TestMachine.up({ workloads: [A] });
    const before = seen(machine, A);
    expect(await ensureNetns(machine.instance, machine.topology, A)).toEqual([]);
    expect(seen(machine, A)).toBe(before);
  });

  test.each<[string, (machine: TestMachine) => void]>([
    ['a device that is down', (machine) => ip('link', 'set', 'dev', nodeDevice(machine, A), 'down')],
    ['a lost default route', (machine) => inside(machine, A, 'ip', 'route', 'delete', 'default')],
    ['a lost route of the node', (machine) => ip('route', 'flush', 'dev', nodeDevice(machine, A))],
    ['a foreign address', (machine) => inside(machine, A, 'ip', 'address', 'add', '10.9.9.9/32', 'dev', 'eth0')],
    ['lo that is down', (machine) => inside(machine, A, 'ip', 'link', 'set', 'dev', 'lo', 'down')],
    ['IPv6 switched on', (machine) => inside(machine, A, 'sysctl', '-qw', 'net.ipv6.conf.eth0.disable_ipv6=0')],
    ['a lost veth pair', (machine) => ip('link', 'delete', 'dev', nodeDevice(machine, A))],
    ['a lost namespace', (machine) => ip('netns', 'delete', netnsName(machine.instance.name, A))],
  ])('ensure repairs %s', async (_, damage) => {
    await using machine = await TestMachine.up({ workloads: [A, B] });
    damage(machine);
    expect(await ensureNetns(machine.instance, machine.topology, A)).not.toEqual([]);
    expect(await ensureNetns(machine.instance, machine.topology, A)).toEqual([]);
    expect(greet(machine, A, B)).toBe(`hello ${machine.topology.workloadIps[A]}`);
  });

  test('a device of another instance is left alone and named', async () => {
    await using first = await TestMachine.up({ workloads: [A] });
    const net = first.topology.gatewayIp.replace(/\.1$/, '');
    const before = seen(first, A);
    await expect(TestMachine.up({ workloads: [A], workloadNet: net })).rejects.toThrow(
      `device ${nodeDevice(first, A)} exists and is shunt:${first.instance.name}:default/a`,
    );
    expect(seen(first, A)).toBe(before);
  });

  test('is found without any state file and removed without a trace', async () => {
    const name = `gone-${process.pid}`;
    const before = machineSnapshot(name);
    const machine = await TestMachine.up({ workloads: [A, B], instance: name });
    expect(machineSnapshot(name)).not.toEqual(before);
    expect(listNetns(machine.instance)).toEqual([A, B]);
    await removeNetns(machine.instance, A);
    expect(listNetns(machine.instance)).toEqual([B]);
    await removeNetns(machine.instance, A);
    await machine[Symbol.asyncDispose]();
    expect(listNetns(machine.instance)).toEqual([]);
    expect(machineSnapshot(name)).toEqual(before);
    expect(existsSync(machine.instance.runDir)).toBe(false);
  });

  test('leaves nothing when a program still runs in the namespace', async () => {
    const machine = await TestMachine.up({ workloads: [A] });
    const device = nodeDevice(machine, A);
    const sleeper = inside(machine, A, 'sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!').trim();
    try {
      await machine[Symbol.asyncDispose]();
      expect(existsSync(`/sys/class/net/${device}`)).toBe(false);
    } finally {
      process.kill(Number(sleeper), 'SIGKILL');
    }
  });
});

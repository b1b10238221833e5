import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipFromBe, ipToBe, socketIp, socketText, swapPort } from '../../../src/dataplane/address.ts';

describe('addresses in BPF maps', () => {
  it('puts the first byte of an address first in memory', () => {
    const bytes = new DataView(new ArrayBuffer(4));
    bytes.setUint32(0, ipToBe('10.1.2.200'), true);
    expect([0, 1, 2, 3].map((at) => bytes.getUint8(at))).toEqual([10, 1, 2, 200]);
  });

  it('reads back every address and port that it wrote', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(0xffff), (ip, port) => {
        expect(ipFromBe(ipToBe(ip))).toBe(ip);
        expect(swapPort(swapPort(port))).toBe(port);
      }),
    );
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.x', ' 1.2.3.4', '1.2.3.0x4', '::1'])('refuses %j', (ip) => {
    expect(() => ipToBe(ip)).toThrow(expect.objectContaining({ code: 'E_BPF_MAP' }));
  });

  it.each([-1, 0x10000, 1.5, Number.NaN])('refuses port %j', (port) => {
    expect(() => swapPort(port)).toThrow(expect.objectContaining({ code: 'E_BPF_MAP' }));
  });

  it('shows a v4-mapped address as IPv4, and IPv6 in brackets beside a port', () => {
    const mapped = [0, 0, 0xffff0000, ipToBe('127.0.0.1')];
    expect(socketText(mapped, 80)).toBe('127.0.0.1:80');
    const words = new DataView(Uint8Array.from([0xfd, 0x99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 1]).buffer);
    const ipv6 = [0, 4, 8, 12].map((at) => words.getUint32(at, true));
    expect(socketIp(ipv6)).toBe('fd99:0:0:0:0:0:0:ab01');
    expect(socketText(ipv6, 80)).toBe('[fd99:0:0:0:0:0:0:ab01]:80');
  });
});

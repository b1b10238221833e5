/** IPv4 addresses and ports between text and the numbers that BPF maps hold: network order inside a little-endian field. */
import { ShuntError } from '../errors.ts';

/** `10.1.2.3` -> the u32 whose bytes in memory are 10, 1, 2, 3. @throws E_BPF_MAP when it is no dotted IPv4 address. */
export function ipToBe(ip: string): number {
  const parts = ip.split('.');
  const bytes = parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) {
    throw new ShuntError('E_BPF_MAP', `${JSON.stringify(ip)} is not a dotted IPv4 address`);
  }
  return new DataView(Uint8Array.from(bytes).buffer).getUint32(0, true);
}

/** The reverse of {@link ipToBe}. */
export function ipFromBe(ipBe: number): string {
  return [ipBe & 0xff, (ipBe >>> 8) & 0xff, (ipBe >>> 16) & 0xff, ipBe >>> 24].join('.');
}

/** 16 bits from host to network order or back. @throws E_BPF_MAP when it is no port. */
export function swapPort(port: number): number {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new ShuntError('E_BPF_MAP', `${port} is not a port, expected 0 to 65535`);
  }
  return ((port & 0xff) << 8) | (port >>> 8);
}

/** The four words of a socket's address: dotted for IPv4 (v4-mapped), else IPv6 groups in hexadecimal, not shortened. */
export function socketIp(words: readonly number[]): string {
  const [first = 0, second = 0, third = 0, fourth = 0] = words;
  if (first === 0 && second === 0 && third === (swapPort(0xffff) << 16) >>> 0) return ipFromBe(fourth);
  return [first, second, third, fourth]
    .flatMap((word) => [swapPort(word & 0xffff), swapPort(word >>> 16)])
    .map((group) => group.toString(16))
    .join(':');
}

/** `address:port`, with brackets around IPv6. */
export function socketText(words: readonly number[], port: number): string {
  const ip = socketIp(words);
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

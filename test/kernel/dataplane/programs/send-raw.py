"""send-raw.py KIND ADDRESS PORT: puts one hand-made IPv4 packet on eth0. A packet socket, because the kernel would mend
or refuse some of these headers. Returns when the packet was handed to the device: a veth delivers it at once."""
import socket
import struct
import subprocess
import sys
import re
import time

kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def command(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


command("ip", "neigh", "flush", "dev", "eth0")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    probe.connect((address, 9))
    source = probe.getsockname()[0]
    probe.send(b"")
deadline = time.monotonic() + 5
while not (found := re.search(r"lladdr (\S+)", command("ip", "neigh", "show", address))):
    assert time.monotonic() < deadline, "no neighbour"
    time.sleep(0.01)
peer = bytes.fromhex(found.group(1).replace(":", ""))


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(protocol, payload, options=b"", fragment=0, words=None):
    words = words if words is not None else 5 + len(options) // 4
    length = 20 + len(options) + len(payload)
    fields = [0x40 | words, 0, length, 7, fragment, 64, protocol, 0]
    addresses = socket.inet_aton(source) + socket.inet_aton(address)
    header = struct.pack(">BBHHHBBH", *fields) + addresses + options
    fields[7] = checksum(header)
    return struct.pack(">BBHHHBBH", *fields) + addresses + options + payload


MORE, OFFSET = 0x2000, 0x0001
tcp = struct.pack(">HHIIBBHHH", 43210, port, 1, 0, 5 << 4, 0x10, 1024, 0, 0)
udp = struct.pack(">HHHH", 43210, port, 16, 0) + b"8 bytes."
packets = {
    "first-fragment": packet(6, tcp, fragment=MORE),
    "later-fragment": packet(6, tcp, fragment=OFFSET),
    "short": packet(6, tcp[:8]),
    "bad-ihl": packet(6, tcp, words=4),
    "options": packet(6, tcp, options=b"\x01" * 8),
    "udp": packet(17, udp),
    "udp-fragment": packet(17, udp, fragment=MORE),
}
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
    raw.bind(("eth0", 0x0800))
    raw.send(peer + raw.getsockname()[4] + b"\x08\x00" + packets[kind])
print("null")

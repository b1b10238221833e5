"""flood.py CPU PORT PORT: on that processor, sends segments that look like those of the connection between two ports of
127.0.0.1, both ways, until it is killed, or for five minutes: a test that times out kills nobody. TCP drops them, for
their checksum is wrong; what looks before TCP does not know. Prints a line when it begins."""
import os
import signal
import socket
import struct
import sys

cpu, one, other = (int(word) for word in sys.argv[1:])
signal.alarm(300)
os.sched_setaffinity(0, [cpu])
ACK = 0x10
segments = [
    struct.pack(">HHIIBBHHH", source, target, 1, 1, 5 << 4, ACK, 1024, 0xBAD, 0)
    for source, target in ((one, other), (other, one))
]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
    raw.connect(("127.0.0.1", 0))
    print("begun", flush=True)
    while True:
        for segment in segments:
            raw.send(segment)

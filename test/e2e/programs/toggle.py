"""toggle.py HOST PORT: says PING to a Redis over connection after connection: 60 times without blocking, then, over the
same connection, 60 times blocking."""
import select
import socket
import sys

ROUNDS = 60


def answered(stream):
    got = b""
    while not got.endswith(b"\r\n"):
        if stream.getblocking():
            got += stream.recv(64)
            continue
        select.select([stream], [], [])
        try:
            got += stream.recv(64)
        except BlockingIOError:
            pass


while True:
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as stream:
        for blocking in (False, True):
            stream.setblocking(blocking)
            for _ in range(ROUNDS):
                stream.sendall(b"PING\r\n")
                answered(stream)

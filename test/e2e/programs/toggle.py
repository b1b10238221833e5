"""toggle.py HOST PORT: says PING to a Redis over connection after connection: 1,000 times without blocking, then, over the
same connection, 1,000 times blocking."""
import select
import socket
import sys
import time

# A connection that is over sooner than the tables of all sockets are read is in no list.
ROUNDS = 1000


def answered(stream):
    got = b""
    while not got.endswith(b"\r\n"):
        if not stream.getblocking():
            select.select([stream], [], [])
        try:
            more = stream.recv(64)
        except BlockingIOError:
            if stream.getblocking():
                raise
            continue
        if not more:
            raise EOFError(f"{stream.getsockname()}: the end after {got!r}")
        got += more


def is_served():
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as stream:
            stream.sendall(b"PING\r\n")
            answered(stream)
            return True
    except (ConnectionError, EOFError):
        return False


# The Redis that was started beside this may not listen yet; the proxy then ends a connection that it has accepted.
while not is_served():
    time.sleep(0.05)
while True:
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as stream:
        for blocking in (False, True):
            stream.setblocking(blocking)
            for _ in range(ROUNDS):
                stream.sendall(b"PING\r\n")
                answered(stream)

"""Two ends of a connection, in one program, that are to be promoted."""
import select
import sys


def promoted(*ends):
    """Has them ask and answer, level-triggered and without blocking, until a line of input comes. Returns the epoll of each."""
    waits = {}
    for end in ends:
        end.setblocking(False)
        waits[end] = select.epoll()
        waits[end].register(end, select.EPOLLIN)
    while not select.select([sys.stdin], [], [], 0)[0]:
        for source, target in (ends, ends[::-1]):
            source.send(b"x" * 64)
            waits[target].poll()
            target.recv(64)
    sys.stdin.readline()
    return waits

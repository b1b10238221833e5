"""A socket with a port of its own is promoted by the time that a line of input comes, sends, disconnects by connect(2) to
AF_UNSPEC, and connects to the same address again. The server closed the first connection with redirected bytes unread, and
answers over the second one by a message that comes with the end. Prints what the client then reads: bytes, and the end or an
error."""
import ctypes
import json
import select
import socket

from promoted import promoted

ANSWER = b"answer"
CLIENT_PORT = 41234

libc = ctypes.CDLL(None)
listener = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
client.bind(("127.0.0.1", CLIENT_PORT))  # one that the kernel chose is given back when it disconnects
client.connect(listener.getsockname())
server, _ = listener.accept()
waits = promoted(client, server)
client.send(b"unread")
name = client.getsockname()
if libc.connect(client.fileno(), bytes(16), 16) != 0:
    raise OSError("connect to AF_UNSPEC")
while not any(events & select.EPOLLERR for _, events in waits[server].poll()):
    pass
server.close()

client.setblocking(True)
client.connect(listener.getsockname())
if client.getsockname() != name:
    raise OSError(f"{client.getsockname()} is not {name}")
server, _ = listener.accept()
server.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
server.send(ANSWER)
server.close()
got = []
try:
    while not got or got[-1]:
        got.append(client.recv(100).decode())
except OSError as error:
    got.append(error.strerror)
print(json.dumps(got))

"""listen.py ADDRESS PORT [SILENT]: prints [] when it listens, then a JSON object for each connection: the client, and the
original destination asked for twice at the level of the socket's family. Answers its port and closes. Does not ask for
the first SILENT connections."""
import json
import socket
import struct
import sys

SO_ORIGINAL_DST = 80


def original(connection):
    level = socket.IPPROTO_IP if connection.family == socket.AF_INET else socket.IPPROTO_IPV6
    try:
        raw = connection.getsockopt(level, SO_ORIGINAL_DST, 28)
    except OSError as error:
        return error.errno
    (port,) = struct.unpack(">H", raw[2:4])
    packed = raw[4:8] if connection.family == socket.AF_INET else raw[8:24]
    return [socket.inet_ntop(connection.family, packed), port, len(raw)]


address, port, silent = sys.argv[1], int(sys.argv[2]), int((sys.argv + ["0"])[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
listener = socket.socket(family, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((address, port))
listener.listen()
print("[]", flush=True)
while True:
    connection, client = listener.accept()
    if silent > 0:
        silent -= 1
    else:
        seen = {"client": client[1], "original": original(connection), "again": original(connection)}
        print(json.dumps(seen), flush=True)
    connection.sendall(str(port).encode())
    connection.close()

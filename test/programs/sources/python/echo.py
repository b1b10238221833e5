"""Echo server and client; what the client says is described in ../report.ts.

echo.py server blocking|asyncio ADDRESS PORT
echo.py client blocking|timeout|asyncio HOST PORT SIZES

blocking: sockets without a timeout, a thread for each connection. timeout: settimeout(), which makes the socket
non-blocking and waits in poll(2).
"""
import asyncio
import json
import os
import socket
import sys
import threading

STALL_S = 10
CHUNK = 65536


def serve_blocking(address, port):
    def echo(connection):
        with connection:
            while data := connection.recv(CHUNK):
                connection.sendall(data)

    with socket.create_server((address, port)) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=echo, args=[connection], daemon=True).start()


async def serve_asyncio(address, port):
    async def echo(reader, writer):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, address, port)
    await server.serve_forever()


class BlockingClient:
    """Its watchdog is a thread: a timeout would make the socket non-blocking."""

    def __init__(self, host, port, timeout):
        self.timeout = timeout
        self.socket = socket.create_connection((host, port))
        self.socket.settimeout(timeout)

    def exchange(self, body):
        sender = threading.Thread(target=self.socket.sendall, args=[body], daemon=True)
        sender.start()
        back = bytearray()
        while len(back) < len(body):
            watchdog = None
            if self.timeout is None:
                watchdog = threading.Timer(STALL_S, self.socket.shutdown, [socket.SHUT_RDWR])
                watchdog.start()
            data = self.socket.recv(CHUNK)
            if watchdog:
                watchdog.cancel()
            if not data:
                raise TimeoutError(f"stalled or closed after {len(back)} bytes")
            back += data
        sender.join()
        return back


class AsyncioClient:
    def __init__(self, host, port):
        self.loop = asyncio.new_event_loop()
        self.reader, self.writer = self.loop.run_until_complete(asyncio.open_connection(host, port))

    def exchange(self, body):
        async def both():
            self.writer.write(body)
            back = bytearray()
            while len(back) < len(body):
                data = await asyncio.wait_for(self.reader.read(CHUNK), STALL_S)
                if not data:
                    raise TimeoutError(f"closed after {len(back)} bytes")
                back += data
            return back

        return self.loop.run_until_complete(both())


def run_client(client, sizes):
    result = {"exchanges": 0, "bytes": 0, "wrong": [], "timeouts": []}
    for index, size in enumerate(int(text) for text in sizes.split(",")):
        body = os.urandom(size)
        try:
            back = client.exchange(body)
        except (TimeoutError, asyncio.TimeoutError) as error:
            result["timeouts"].append(f"exchange {index}, {size} bytes: {error!r}")
            break
        if back != body:
            result["wrong"].append(f"exchange {index}, {size} bytes: {len(back)} came back")
        result["exchanges"] += 1
        result["bytes"] += size
    print(json.dumps(result), flush=True)
    sys.stdin.read()


def main():
    role, style, host, port = sys.argv[1:5]
    if role == "server":
        if style == "asyncio":
            asyncio.run(serve_asyncio(host, int(port)))
        serve_blocking(host, int(port))
    elif style == "asyncio":
        run_client(AsyncioClient(host, int(port)), sys.argv[5])
    else:
        run_client(BlockingClient(host, int(port), STALL_S if style == "timeout" else None), sys.argv[5])


main()

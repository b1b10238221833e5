"""blocked_sender.py LIMIT: a connection to itself that asks and answers until a line of input comes. Then its sender is
blocking, with a thread that sleeps in recv(2). Two other threads send 1 KiB in turn to a reader that does not read, until
that would block or LIMIT bytes are sent, and say how many; for each further line of its input it sends 20 messages more in
turn, and says how many bytes were taken. Then it reads."""
import json
import os
import socket
import sys
import threading

from promoted import promoted

RECVFROM = {"x86_64": "45", "aarch64": "207"}[os.uname().machine]
MESSAGE = b"m" * 1024

limit = int(sys.argv[1])
with socket.create_server(("127.0.0.1", 0)) as listener:
    sender = socket.create_connection(listener.getsockname())
    reader, _ = listener.accept()
waits = promoted(sender, reader)
sender.setblocking(True)
sleeping = threading.Thread(target=sender.recv, args=(1,), daemon=True)
sleeping.start()
while True:
    # A call's number is told only of who sleeps in it; where it sleeps, wchan, 5.10 does not know.
    with open(f"/proc/self/task/{sleeping.native_id}/syscall") as call:
        if call.read().split()[0] == RECVFROM:
            break


def send(most):
    """In turn, each message from another thread than the one before. Returns the bytes taken."""
    sent = 0
    turns = [threading.Semaphore(1), threading.Semaphore(0)]
    is_over = False

    def run(index):
        nonlocal sent, is_over
        while True:
            turns[index].acquire()
            if not is_over:
                try:
                    sent += sender.send(MESSAGE, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    is_over = True
                is_over = is_over or sent >= most
            turns[1 - index].release()
            if is_over:
                return

    threads = [threading.Thread(target=run, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


total = send(limit)
print(json.dumps(total), flush=True)
for _ in sys.stdin:
    more = send(20 * len(MESSAGE))
    total += more
    print(json.dumps(more), flush=True)
got = 0
while got < total and waits[reader].poll(20):
    got += len(reader.recv(1 << 20))
print(json.dumps(total - got), flush=True)

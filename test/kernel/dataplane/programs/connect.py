"""connect.py [reuse|from=PORT] ADDRESS/PORT...: connects to each in turn, prints a JSON list of what it saw. `reuse`: by
one socket. `from`: always from this port."""
import json
import socket
import sys

pairs = [argument.rsplit("/", 1) for argument in sys.argv[1:] if "/" in argument]
reuse = "reuse" in sys.argv
source = next((int(argument[5:]) for argument in sys.argv if argument.startswith("from=")), None)
seen = []
kept = None
for address, port in pairs:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = kept or socket.socket(family, socket.SOCK_STREAM)
    # A socket with a timeout does not block, and its next connect after a refusal fails once (ECONNABORTED).
    client.settimeout(None if reuse else 1)
    try:
        if source:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", source))
        client.connect((address, int(port)))
        # To the end, so that the server closes first and TIME_WAIT, which holds the port, is on its side.
        with client.makefile("rb") as stream:
            got = stream.read().decode()
        seen.append({"peer": client.getpeername()[:2], "local": client.getsockname()[1], "got": got})
    except OSError as error:
        seen.append({"error": "timeout" if isinstance(error, TimeoutError) else error.errno})
    if reuse:
        kept = client
    else:
        client.close()
print(json.dumps(seen))

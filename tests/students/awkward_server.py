"""A relay server with an awkward habit: what the check itself must survive.

python3 awkward_server.py PORT HABIT [anything]
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

port, habit = int(sys.argv[1]), sys.argv[2]
clients = {}


def handle(conn):
    buffer, name = b"", None
    while data := conn.recv(4096):
        buffer += data
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            command, _, rest = line.decode(errors="replace").partition(" ")
            if command == "JOIN":
                name = rest
                clients[name] = conn
                conn.sendall(f"{name} joined!Connected to server!\n".encode())
            elif command == "LIST":
                conn.sendall((",".join(clients) + "\n").encode())
            elif command == "MESG":
                to, _, text = rest.partition(" ")
                if to not in clients:
                    if not every_other_start:
                        conn.sendall(b"Unknown Recipient\n")
                    continue
                clients[to].sendall(f"{name}: {text}\n".encode())


def prepare():
    if habit == "hangs":
        time.sleep(1000)
    elif habit == "exits":
        sys.exit("nothing to do")
    elif habit == "crashes":
        raise ValueError("a bug")
    elif habit == "slow":
        time.sleep(3)
    elif habit == "forks":
        for _ in range(3):
            subprocess.Popen(["sleep", "600"], stdin=subprocess.DEVNULL)
    elif habit == "forks-and-exits":
        if os.fork():
            os._exit(0)
    elif habit == "floods":
        threading.Thread(target=flood, daemon=True).start()
    elif habit == "closes-stdout":
        os.close(1)
        os.close(2)
    elif habit == "ignores-sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def flood():
    for _ in range(1000):
        os.write(1, b"x" * 1_000_000)


every_other_start = False
if habit == "unsteady":
    # The third argument is a file that grows with each start.
    with open(sys.argv[3], "a+") as starts:
        starts.write(".")
        every_other_start = starts.tell() % 2 == 0

prepare()
server = socket.socket()
if habit == "elsewhere":
    # Where the course's machines have their own name.
    server.bind(("127.0.1.1", port))
else:
    server.bind(("0.0.0.0", port))
server.listen()
if habit not in ("floods", "closes-stdout"):
    started = "The Chat Server Started"
    print(started.upper() if habit == "shouts" else started, flush=True)
while True:
    accepted, _ = server.accept()
    if habit == "dies-later":
        os._exit(7)
    threading.Thread(target=handle, args=(accepted,), daemon=True).start()

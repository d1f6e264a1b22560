"""The server of the bridge (CSE 150, "Let's Chat!"), as a careful student writes it: one select() loop.

python3 bridge_server.py --port=PORT [--contacts=FILE] [--mistake NAME]

Without --mistake it does what the document asks for. Each mistake is one that a real submission had.
"""

import argparse
import os
import select
import socket
import sys

MISTAKES = (
    "one-recv",  # one recv() is taken for one request
    "one-at-a-time",  # a connection is served to its end before the next accept()
    "zero-bytes",  # a connection that closes without a request ends the server
    "zero-spins",  # a connection that closes without a request is read for ever
    "rst-kills",  # a reset of one client ends the server
    "serves-once",  # the server ends after six connections
    "bad-request",  # a request that cannot be understood ends the server
    "no-status",  # REGACK has no Status
    "no-blank-line",  # an answer has no blank line at its end
    "line-feeds",  # an answer has LF instead of CRLF
    "peer-address",  # the address of the connection is stored, not that of the headers
    "own-contact",  # BRIDGE gives the contact that was registered last, the asker's own too
    "first-contact",  # BRIDGE gives the contact that was registered first, the asker's own too
    "alone-silent",  # BRIDGE without a peer gets no answer
    "alone-none",  # BRIDGE without a peer gets the word None
    "bridge-unprinted",  # BRIDGE is not printed
    "register-text",  # REGISTER is printed in other words
    "start-text",  # the start is printed in other words
    "info-missing",  # /info is not understood
    "info-format",  # /info prints the table as it is
    "info-twice",  # /info prints each contact twice
    "port-traceback",  # a port in use gives a traceback
    "early-start-text",  # the start is printed before bind()
    "control-c",  # Control-C gives a traceback
    "never-ends",  # Control-C is swallowed
    "other-input",  # a line that is no command ends the server
    "stdin-end",  # the end of the input ends the server
    "stdin-spins",  # the end of the input is read for ever
    "unflushed",  # what is printed stays in a buffer
)
MISTAKE = ""


def say(*parts):
    """Prints one line at once, also where the output is a pipe."""
    print(*parts, flush=MISTAKE != "unflushed")


class Server:
    def __init__(self, listener, contacts_file):
        self.listener = listener
        self.contacts_file = contacts_file
        self.contacts = {}  # clientID -> (IP, Port), in the order of registration
        self.buffers = {}  # socket -> bytes that are no whole request yet
        self.inputs = [0, listener]
        self.typed = b""
        self.served = 0
        self.answered = set()  # connections that had a request; only for zero-bytes and zero-spins

    # ---- answers ----

    def answer(self, kind, headers):
        end = "\n" if MISTAKE == "line-feeds" else "\r\n"
        lines = [kind] + [f"{name}: {value}" for name, value in headers]
        return (end.join(lines) + end + ("" if MISTAKE == "no-blank-line" else end)).encode()

    def register(self, conn, headers):
        name, ip, port = headers["clientid"], headers["ip"], headers["port"]
        if not (name and ip and port.isdigit()):
            raise ValueError("a header of REGISTER is not right")
        if MISTAKE == "peer-address":
            ip, port = conn.getpeername()
        self.contacts[name] = (ip, port)
        with open(self.contacts_file, "w") as file:
            for other, (address, number) in self.contacts.items():
                file.write(f"{other} {address}:{number}\n")
        if MISTAKE == "register-text":
            say(f"{name} registered from {ip}:{port}")
        else:
            say(f"REGISTER: {name} from {ip}:{port} received")
        echoed = [("clientID", name), ("IP", ip), ("Port", port)]
        if MISTAKE != "no-status":
            echoed.append(("Status", "registered"))
        return self.answer("REGACK", echoed)

    def peer_of(self, name):
        names = list(self.contacts)
        if MISTAKE == "first-contact":
            return names[0] if names else None
        if MISTAKE != "own-contact":
            names = [other for other in names if other != name]
        return names[-1] if names else None

    def bridge(self, headers):
        name = headers["clientid"]
        peer = self.peer_of(name)
        ip, port = self.contacts.get(peer, ("", ""))
        both = []
        for other in (name, peer):
            if other in self.contacts:
                both.append("{} {}:{}".format(other, *self.contacts[other]))
        if MISTAKE != "bridge-unprinted":
            say("BRIDGE:", *both)
        if peer is None and MISTAKE == "alone-silent":
            return b""
        empty = "None" if MISTAKE == "alone-none" else ""
        values = (peer, ip, port) if peer else (empty, empty, empty)
        return self.answer("BRIDGEACK", zip(("clientID", "IP", "Port"), values))

    def request(self, conn, text):
        """Answers one request. What cannot be understood raises KeyError or ValueError."""
        kind, *lines = text.replace("\r\n", "\n").strip("\n").split("\n")
        headers = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"a header without a colon: {line}")
            headers[name.strip().lower()] = value.strip()
        if kind == "REGISTER":
            return self.register(conn, headers)
        if kind == "BRIDGE":
            return self.bridge(headers)
        raise ValueError(f"no such request: {kind}")

    # ---- connections ----

    def end_of_request(self, data):
        """Finds the end of the first request in the data, or -1."""
        if MISTAKE == "one-recv":
            return len(data) or -1
        for end in (b"\r\n\r\n", b"\n\n"):
            if end in data:
                return data.index(end) + len(end)
        return -1

    def take(self, conn, data):
        """Answers the whole requests of a connection. Returns False when it must be closed."""
        data = self.buffers[conn] + data
        while (end := self.end_of_request(data)) > 0:
            text, data = data[:end], data[end:]
            try:
                answer = self.request(conn, text.decode())
            except (KeyError, ValueError) as error:
                if MISTAKE == "bad-request":
                    raise
                print(f"A request was not understood: {error}", file=sys.stderr)
                return False
            conn.sendall(answer)
            self.answered.add(conn)
        self.buffers[conn] = data
        return True

    def close(self, conn):
        if conn in self.inputs:
            self.inputs.remove(conn)
        self.buffers.pop(conn, None)
        self.answered.discard(conn)
        conn.close()
        self.served += 1
        if MISTAKE == "serves-once" and self.served == 6:
            sys.exit(0)

    def read(self, conn):
        """Reads once from a connection. Returns False when it has ended."""
        try:
            data = conn.recv(4096)
            if not data and MISTAKE == "zero-bytes" and conn not in self.answered:
                raise ValueError("no request")
            if not data and MISTAKE == "zero-spins" and conn not in self.answered:
                return True
            if data and self.take(conn, data):
                return True
        except OSError as error:
            if MISTAKE == "rst-kills":
                raise
            print(f"A connection is lost: {error.strerror}", file=sys.stderr)
        self.close(conn)
        return False

    def accept(self):
        conn, _ = self.listener.accept()
        self.buffers[conn] = b""
        if MISTAKE == "one-at-a-time":
            while self.read(conn):
                pass
        else:
            self.inputs.append(conn)

    # ---- the terminal ----

    def command(self, line):
        if line != "/info" or MISTAKE == "info-missing":
            if MISTAKE == "other-input":
                raise ValueError(f"no such command: {line}")
            return
        if MISTAKE == "info-format":
            say(self.contacts)
            return
        for name, (ip, port) in self.contacts.items():
            for _ in range(2 if MISTAKE == "info-twice" else 1):
                say(f"{name} {ip}:{port}")

    def take_typed(self):
        data = os.read(0, 4096)
        if not data and MISTAKE == "stdin-end":
            sys.exit(0)
        if not data and MISTAKE != "stdin-spins":
            self.inputs.remove(0)
        self.typed += data
        while b"\n" in self.typed:
            line, self.typed = self.typed.split(b"\n", 1)
            self.command(line.decode(errors="replace").strip())

    def run(self):
        while True:
            ready, _, _ = select.select(self.inputs, [], [])
            for each in ready:
                if each == 0:
                    self.take_typed()
                elif each is self.listener:
                    self.accept()
                else:
                    self.read(each)


def listen(port):
    where = f"{socket.gethostbyname(socket.gethostname())}:{port}"
    started = f"Server started on {where}" if MISTAKE == "start-text" else f"Server listening on {where}"
    if MISTAKE == "early-start-text":
        say(started)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("", port))
    except OSError as error:
        if MISTAKE == "port-traceback":
            raise
        sys.exit(f"Cannot listen on port {port}: {error.strerror}")
    listener.listen(50)
    if MISTAKE != "early-start-text":
        say(started)
    return listener


def main():
    global MISTAKE
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--contacts", default="contacts.txt")
    parser.add_argument("--mistake", choices=MISTAKES, default="")
    options = parser.parse_args()
    MISTAKE = options.mistake
    if MISTAKE == "unflushed":
        sys.stdout = open(os.dup(1), "w", buffering=8192)
    server = Server(listen(options.port), options.contacts)
    while True:
        try:
            server.run()
        except KeyboardInterrupt:
            if MISTAKE == "control-c":
                raise
            if MISTAKE != "never-ends":
                break
    for each in server.inputs:
        if each != 0:
            each.close()


main()

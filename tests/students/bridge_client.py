"""The client of the bridge (CSE 150, "Let's Chat!"), as a careful student writes it: one select() loop.

python3 bridge_client.py --id=NAME --port=PORT --server=IP:PORT [--mistake NAME]

Without --mistake it does what the document asks for. Each mistake is one that a real submission had.
"""

import argparse
import os
import select
import socket
import sys
import time

MISTAKES = (
    "one-recv",  # one recv() is taken for one answer of the server
    "chat-one-recv",  # one recv() is taken for one line of the peer
    "cut",  # a line of the peer is cut at 100 bytes
    "split-join",  # a line is put together again from its words
    "start-text",  # the start is printed in other words
    "incoming-text",  # the request of a chat is printed in other words
    "id-missing",  # /id is not understood
    "no-port",  # REGISTER lacks the port
    "line-feeds",  # a request has LF instead of CRLF
    "header-order",  # REGISTER has its headers in another order
    "stays-connected",  # the connection with the server is left open
    "one-connection",  # all requests go over one connection
    "needs-status",  # REGACK without Status is not understood
    "other-port",  # the program listens at another port than --port
    "wrong-peer",  # /chat connects to the server's host and the own port
    "accept-blocks",  # WAIT is one accept() that hears nothing else
    "quit-unsent",  # /quit in a chat closes nothing and sends nothing
    "quit-on-turn",  # /quit is heard in the own turn only
    "quit-unheard",  # QUIT and the end of the connection do not end the program
    "quit-idle",  # /quit outside a chat is ignored
    "peer-spins",  # the end of the connection is printed for ever
    "peer-traceback",  # a reset of the peer gives a traceback
    "control-c",  # Control-C gives a traceback
    "never-ends",  # Control-C is swallowed
    "server-traceback",  # a server that does not listen gives a traceback
    "answer-traceback",  # a server that closes without an answer gives a traceback
    "chat-traceback",  # /chat without a peer gives a traceback
    "unknown-ends",  # an unknown command ends the program
    "port-traceback",  # a port in use gives a traceback
    "stdin-spins",  # the end of the input is printed for ever
    "unflushed",  # what is printed stays in a buffer
)
MISTAKE = ""


def say(*parts):
    """Prints one line at once, also where the output is a pipe."""
    print(*parts, flush=MISTAKE != "unflushed")


def write_block(kind, headers, end="\r\n"):
    lines = [kind] + [f"{name}: {value}" for name, value in headers]
    return (end.join(lines) + end + end).encode()


def read_headers(text):
    headers = {}
    for line in text.replace("\r\n", "\n").strip("\n").split("\n")[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


class Done(Exception):
    """The program is to end."""


class Client:
    def __init__(self, name, address, server, listener):
        self.name = name
        self.address = address
        self.server = server
        self.listener = listener
        self.state = "IDLE"
        self.contact = None  # of the peer, from BRIDGEACK
        self.peer = None  # the socket of the chat
        self.received = b""  # of the peer, not yet a whole line or block
        self.typed = b""
        self.lines = []  # typed, not yet handled
        self.turn = "writing"
        self.kept = None  # only used by the mistakes stays-connected and one-connection

    # ---- the server ----

    def ask(self, kind, headers):
        """Sends one request over a connection of its own and returns the headers of the answer."""
        data = b""
        try:
            conn = self.kept if MISTAKE == "one-connection" else None
            conn = conn or socket.create_connection(self.server, timeout=10)
            end = "\n" if MISTAKE == "line-feeds" else "\r\n"
            conn.sendall(write_block(kind, headers, end))
            while b"\r\n\r\n" not in data and b"\n\n" not in data:
                piece = conn.recv(4096)
                data += piece
                if not piece or MISTAKE == "one-recv":
                    break
            if MISTAKE in ("stays-connected", "one-connection"):
                self.kept = conn
            else:
                conn.close()
        except OSError as error:
            if MISTAKE == "server-traceback":
                raise
            print(f"The server does not answer: {error}", file=sys.stderr)
            return None
        kind = data.decode(errors="replace").split("\n")[0].strip()
        if MISTAKE == "answer-traceback":
            return {"kind": kind, "first": data.decode().split("\n")[1], **read_headers(data.decode())}
        if not kind:
            print("The server has closed the connection without an answer.", file=sys.stderr)
            return None
        return {"kind": kind, **read_headers(data.decode(errors="replace"))}

    def register(self):
        ip, port = self.address
        headers = [("clientID", self.name), ("IP", ip), ("Port", port)]
        if MISTAKE == "no-port":
            headers.pop()
        if MISTAKE == "header-order":
            headers.reverse()
        answer = self.ask("REGISTER", headers)
        if answer is None or answer["kind"] != "REGACK":
            return
        if MISTAKE == "needs-status" and answer["status"] != "registered":
            return
        if answer.get("status", "registered") == "registered" and self.state == "IDLE":
            self.state = "REGISTERED"

    def bridge(self):
        if self.state == "IDLE":
            print("Please /register first.", file=sys.stderr)
            return
        answer = self.ask("BRIDGE", [("clientID", self.name)])
        if answer is None or answer["kind"] != "BRIDGEACK":
            return
        if answer.get("ip") and answer.get("port", "").isdigit():
            self.contact = (answer["ip"], int(answer["port"]))
            self.state = "BRIDGED"
        else:
            self.state = "WAIT"
            if MISTAKE == "accept-blocks":
                self.accept()

    # ---- the peer ----

    def chat(self):
        if MISTAKE == "chat-traceback":
            self.contact[0]
        if self.contact is None:
            print("There is no peer to chat with: /register and /bridge first.", file=sys.stderr)
            return
        contact = self.contact
        if MISTAKE == "wrong-peer":
            contact = (self.server[0], self.address[1])
        try:
            self.peer = socket.create_connection(contact, timeout=10)
            self.peer.settimeout(None)
            ip, port = self.address
            headers = [("clientID", self.name), ("IP", ip), ("Port", port)]
            self.peer.sendall(write_block("CHAT", headers))
        except OSError as error:
            print(f"The peer does not answer: {error}", file=sys.stderr)
            self.peer = None
            return
        self.state, self.turn = "CHAT", "writing"

    def accept(self):
        conn, _ = self.listener.accept()
        if self.peer is not None:
            conn.close()
            return
        self.peer = conn
        self.state, self.turn = "CHAT", "reading"

    def take_block(self):
        """Handles CHAT or QUIT at the front of what the peer has sent. Returns whether it was one."""
        kind = self.received.split(b"\r\n")[0]
        if kind not in (b"CHAT", b"QUIT") or b"\r\n\r\n" not in self.received:
            return False
        block, _, self.received = self.received.partition(b"\r\n\r\n")
        if kind == b"QUIT":
            if MISTAKE == "quit-unheard":
                return True
            raise Done
        headers = read_headers(block.decode(errors="replace"))
        who = "{clientid} {ip}:{port}".format(**headers)
        words = "Chat with" if MISTAKE == "incoming-text" else "Incoming chat request from"
        say(words, who)
        return True

    def show(self, line):
        text = line.decode(errors="replace").rstrip("\r")
        if MISTAKE == "cut":
            text = text[:100]
        if MISTAKE == "split-join":
            text = " ".join(text.split())
        say(text)
        self.turn = "writing"

    def read_peer(self):
        try:
            data = self.peer.recv(64 if MISTAKE == "chat-one-recv" else 4096)
        except OSError:
            if MISTAKE == "peer-traceback":
                raise
            data = b""
        if not data:
            while MISTAKE == "peer-spins":
                say("")
            if MISTAKE == "quit-unheard":
                time.sleep(0.05)
                return
            raise Done
        self.received += data
        while self.take_block():
            pass
        if MISTAKE == "chat-one-recv" and self.received:
            self.show(self.received.rstrip(b"\n"))
            self.received = b""
        while b"\n" in self.received and not self.received.startswith((b"CHAT\r\n", b"QUIT\r\n")):
            line, self.received = self.received.split(b"\n", 1)
            self.show(line)
            while self.take_block():
                pass

    def hang_up(self):
        """Tells the peer that the chat is over, and closes."""
        if self.peer is None:
            return
        try:
            self.peer.sendall(write_block("QUIT", []))
        except OSError:
            pass
        self.peer.close()
        self.peer = None

    # ---- the terminal ----

    def command(self, line):
        """Handles one typed line outside of a chat, or in the own turn of it."""
        if line == "/id" and MISTAKE != "id-missing":
            say(self.name)
        elif self.peer is not None:
            if MISTAKE == "split-join":
                line = " ".join(line.split())
            self.peer.sendall((line + "\n").encode(errors="surrogateescape"))
            self.turn = "reading"
        elif line == "/register":
            self.register()
        elif line == "/bridge":
            self.bridge()
        elif line == "/chat":
            self.chat()
        elif MISTAKE == "unknown-ends":
            raise ValueError(f"no such command: {line}")

    def quit(self):
        """Handles /quit."""
        if MISTAKE == "quit-idle" and self.peer is None:
            return
        if MISTAKE == "quit-on-turn" and self.peer is not None and self.turn == "reading":
            return
        if MISTAKE == "quit-unsent" and self.peer is not None:
            return
        raise Done

    def handle_lines(self):
        """Handles typed lines in order. In the peer's turn a line waits; /quit never does."""
        while self.lines:
            if self.lines[0] == "/quit":
                self.lines.pop(0)
                self.quit()
            elif self.peer is not None and self.turn == "reading" and self.lines[0] != "/id":
                if "/quit" in self.lines:
                    self.lines.clear()
                    self.quit()
                return
            else:
                self.command(self.lines.pop(0))

    def take_typed(self):
        data = os.read(0, 4096)
        if not data:
            while MISTAKE == "stdin-spins":
                say("> ")
            raise Done
        self.typed += data
        *lines, self.typed = self.typed.split(b"\n")
        self.lines += [line.decode(errors="surrogateescape").rstrip("\r") for line in lines]

    def inputs(self):
        inputs = [0]
        if self.peer is not None:
            inputs.append(self.peer)
        elif self.state in ("WAIT", "BRIDGED"):
            inputs.append(self.listener)
        return inputs

    def run(self):
        while True:
            self.handle_lines()
            ready, _, _ = select.select(self.inputs(), [], [])
            if self.peer is not None and self.peer in ready:
                self.read_peer()
            elif self.listener in ready:
                self.accept()
            if 0 in ready:
                self.take_typed()


def own_address(server, port):
    """The address under which this machine reaches the server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return probe.getsockname()[0], port


def listen(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("", 0 if MISTAKE == "other-port" else port))
    except OSError as error:
        if MISTAKE == "port-traceback":
            raise
        sys.exit(f"Cannot listen on port {port}: {error.strerror}")
    listener.listen(5)
    return listener


def main():
    global MISTAKE
    parser = argparse.ArgumentParser()
    parser.add_argument("--id", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--server", required=True)
    parser.add_argument("--mistake", choices=MISTAKES, default="")
    options = parser.parse_args()
    MISTAKE = options.mistake
    if MISTAKE == "unflushed":
        sys.stdout = open(os.dup(1), "w", buffering=8192)
    host, _, port = options.server.partition(":")
    server = (host, int(port))
    address = own_address(server, options.port)
    client = Client(options.id, address, server, listen(options.port))
    words = "listens at" if MISTAKE == "start-text" else "running on"
    say(options.id, words, "{}:{}".format(*address))
    running = True
    while running:
        try:
            client.run()
        except Done:
            running = False
        except KeyboardInterrupt:
            if MISTAKE == "control-c":
                raise
            running = MISTAKE == "never-ends"
    client.hang_up()
    client.listener.close()


main()

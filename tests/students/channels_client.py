"""The client of the channels (CEG 4188 / CS168), as a careful student writes it: select() on socket and keyboard.

python3 channels_client.py NAME HOST PORT [--mistake NAME]

Without --mistake it does what the document asks for. Each mistake is one that a real submission had.
"""

import os
import select
import socket
import sys

MISTAKES = (
    "one-recv",  # one recv() is taken for one message
    "equals-200",  # the buffer is compared with == 200
    "rest-lost",  # what stands behind the first 200 bytes of a recv() is thrown away
    "half-shown",  # half a message at the end of the connection is shown
    "unpadded",  # what the client sends is not padded
    "no-name",  # the name is not sent
    "private-protocol",  # the name is put in front of every line
    "slash-lost",  # a command goes out without its slash
    "no-prompt",  # no [Me] after a message
    "me-left",  # a message is printed behind the [Me]
    "wipe-short",  # the [Me] is overwritten by the message only
    "strip-both",  # spaces are stripped from both ends
    "banner",  # a greeting is printed
    "disconnected-text",  # the end of the connection is worded otherwise
    "connect-traceback",  # a server that does not listen gives a traceback
    "spins",  # the end of the connection is printed for ever
    "stdin-spins",  # the end of the input sends blank messages for ever
    "unflushed",  # what is shown stays in a buffer
    "waits-for-enter",  # what arrives is shown after the next typed line
    "first-line",  # only the first line of a message is shown
)
MISTAKE = ""

LENGTH = 200
ME = "[Me] "
WIPE_ME = "\r    "
CANNOT_CONNECT = "Unable to connect to {0}:{1}"
SERVER_DISCONNECTED = "Server at {0}:{1} has disconnected"


class Client:
    def __init__(self, sock, name, host, port):
        self.sock = sock
        self.name = name
        self.address = (host, port)
        self.buffer = b""
        self.typed = b""
        self.pending = ""

    def write(self, text):
        sys.stdout.write(text)
        if MISTAKE != "unflushed":
            sys.stdout.flush()

    def send(self, data):
        """Sends a text as messages of 200 bytes."""
        if MISTAKE == "unpadded":
            self.sock.sendall(data)
            return
        for start in range(0, max(len(data), 1), LENGTH):
            self.sock.sendall(data[start : start + LENGTH].ljust(LENGTH))

    def show(self, frame):
        text = frame.decode(errors="replace")
        text = text.strip() if MISTAKE == "strip-both" else text.rstrip()
        if MISTAKE == "first-line":
            text = text.split("\n")[0]
        wipe = WIPE_ME + "\r"
        if MISTAKE == "me-left":
            wipe = ""
        if MISTAKE == "wipe-short":
            wipe = "\r"
        shown = wipe + text + "\n" + ("" if MISTAKE == "no-prompt" else ME)
        if MISTAKE == "waits-for-enter":
            self.pending += shown
        else:
            self.write(shown)

    def take_received(self):
        """Cuts whole messages off the buffer and shows them. Returns False at the end."""
        try:
            data = self.sock.recv(4096)
        except ConnectionResetError:
            data = b""
        if not data:
            return False
        if MISTAKE == "one-recv":
            self.show(data)
            return True
        self.buffer += data
        if MISTAKE == "equals-200":
            if len(self.buffer) == LENGTH:
                self.show(self.buffer)
                self.buffer = b""
            return True
        while len(self.buffer) >= LENGTH:
            frame, self.buffer = self.buffer[:LENGTH], self.buffer[LENGTH:]
            if MISTAKE == "rest-lost":
                self.buffer = b""
            self.show(frame)
        return True

    def take_typed(self):
        """Sends each whole line that was typed. Returns False at the end of the input."""
        data = os.read(0, 4096)
        if not data:
            if MISTAKE == "stdin-spins":
                self.send(b"")
            return MISTAKE == "stdin-spins"
        self.typed += data
        while b"\n" in self.typed:
            line, self.typed = self.typed.split(b"\n", 1)
            if MISTAKE == "private-protocol":
                line = self.name.encode() + b": " + line
            if MISTAKE == "slash-lost":
                line = line.removeprefix(b"/")
            self.send(line)
            self.write(self.pending or ME)
            self.pending = ""
        return True

    def run(self):
        if MISTAKE == "banner":
            self.write("Welcome to the chat!\n")
        if MISTAKE != "no-name":
            self.send(self.name.encode())
        self.write(ME)
        while True:
            ready, _, _ = select.select([self.sock, 0], [], [])
            if self.sock in ready and not self.take_received():
                break
            if 0 in ready and not self.take_typed():
                return
        if MISTAKE == "half-shown" and self.buffer:
            self.show(self.buffer)
        text = SERVER_DISCONNECTED.format(*self.address)
        if MISTAKE == "disconnected-text":
            text = "Connection lost"
        self.write(WIPE_ME + "\r" + text + "\n")
        while MISTAKE == "spins":
            self.write(text + "\n")


def main(argv):
    global MISTAKE
    if "--mistake" in argv:
        at = argv.index("--mistake")
        MISTAKE = argv[at + 1]
        if MISTAKE not in MISTAKES:
            sys.exit(f"no such mistake: {MISTAKE}")
        del argv[at : at + 2]
    if MISTAKE == "unflushed":
        sys.stdout = open(os.dup(1), "w", buffering=8192)
    if len(argv) != 4 or not argv[3].isdigit():
        sys.exit("usage: python client.py <name> <host> <port>")
    _, name, host, port = argv
    try:
        sock = socket.create_connection((host, int(port)))
    except OSError:
        if MISTAKE == "connect-traceback":
            raise
        print(CANNOT_CONNECT.format(host, port))
        sys.exit(1)
    try:
        Client(sock, name, host, port).run()
    except (KeyboardInterrupt, BrokenPipeError):
        print()
    finally:
        sock.close()


main(sys.argv)

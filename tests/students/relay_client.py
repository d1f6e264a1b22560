"""The client of the relay (CSC/CPE 138), as a careful student writes it: select() on socket and keyboard.

python3 relay_client.py HOST PORT [--mistake NAME]

Without --mistake it does what the document asks for. Each mistake is one that a real submission had.
"""

import codecs
import os
import select
import socket
import sys
import time

MISTAKES = (
    "name-appended",  # the user name goes out behind every request
    "private-protocol",  # the user name goes out in front of every request
    "split-join",  # the typed line is put together again from its words
    "known-only",  # a line that is no known request is not sent
    "waits-for-enter",  # what arrives is shown after the next typed line
    "first-line",  # only the first line of each recv() is shown
    "one-byte-less",  # the rest of a reply longer than 16 bytes is lost
    "quit-stays",  # QUIT does not end the program
    "spins",  # the end of the connection is printed for ever
    "stdin-spins",  # the end of the input sends blank lines for ever
    "blank-line",  # a blank line ends the program
    "traceback",  # a server that does not listen gives a traceback
    "unflushed",  # what is shown stays in a buffer
)
MISTAKE = ""
KNOWN = ("JOIN", "LIST", "MESG", "BCST", "QUIT")


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.typed = b""
        self.name = ""
        self.pending = ""

    def show(self, text):
        sys.stdout.write(text)
        if MISTAKE != "unflushed":
            sys.stdout.flush()

    def send_line(self, line):
        """Sends one typed line. Returns False when it was QUIT."""
        words = line.split()
        if MISTAKE == "blank-line" and words[0] not in KNOWN:
            self.show("Unknown request\n")
        if words[:1] == ["JOIN"] and len(words) > 1:
            self.name = words[1]
        if MISTAKE == "known-only" and words and words[0] not in KNOWN:
            self.show("Unknown request\n")
            return True
        if MISTAKE == "split-join":
            line = " ".join(words)
        if MISTAKE == "name-appended" and words[:1] != ["JOIN"]:
            line = f"{line} {self.name}"
        if MISTAKE == "private-protocol":
            line = f"{self.name}: {line}"
        if line.strip():
            self.sock.sendall((line + "\n").encode(errors="surrogateescape"))
        return words[:1] != ["QUIT"]

    def take_typed(self):
        """Reads what was typed and sends each whole line. Returns False at the end."""
        data = os.read(0, 4096)
        if not data:
            if MISTAKE == "stdin-spins":
                self.sock.sendall(b"\n")
                return True
            self.send_line(self.typed.decode(errors="surrogateescape"))
            self.send_line("QUIT")
            return False
        self.typed += data
        while b"\n" in self.typed:
            line, self.typed = self.typed.split(b"\n", 1)
            if self.pending:
                self.show(self.pending)
                self.pending = ""
            if not self.send_line(line.decode(errors="surrogateescape")):
                return False
        return True

    def take_received(self):
        """Shows what has arrived. Returns False when the server has closed."""
        data = self.sock.recv(16 if MISTAKE == "one-byte-less" else 4096)
        if not data:
            return False
        text = self.decoder.decode(data)
        if MISTAKE == "first-line":
            text = text.split("\n")[0] + "\n"
        if MISTAKE == "one-byte-less":
            self.sock.setblocking(False)
            try:
                self.sock.recv(4096)
            except BlockingIOError:
                pass
            self.sock.setblocking(True)
        if MISTAKE == "waits-for-enter":
            self.pending += text
        else:
            self.show(text)
        return True

    def run(self):
        self.show("Enter JOIN followed by your username: ")
        while True:
            ready, _, _ = select.select([self.sock, 0], [], [])
            if self.sock in ready and not self.take_received():
                while MISTAKE == "spins":
                    self.show("Server: \n")
                print("The server has closed the connection.", flush=True)
                return
            if 0 in ready and not self.take_typed() and MISTAKE != "quit-stays":
                break
        self.finish()

    def finish(self):
        """After QUIT: shows what still arrives until the server closes, for two seconds at most."""
        end = time.monotonic() + 2
        while (left := end - time.monotonic()) > 0:
            ready, _, _ = select.select([self.sock], [], [], left)
            if not ready or not self.take_received():
                return


def connect(host, port):
    try:
        return socket.create_connection((host, port))
    except OSError as error:
        if MISTAKE == "traceback":
            raise
        print(f"Cannot connect to {host}:{port}: {error.strerror}", file=sys.stderr)
        sys.exit(1)


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
    if len(argv) != 3 or not argv[2].isdigit():
        print("usage: python3 client.py <svr_host> <svr_port>")
        sys.exit(1)
    sock = connect(argv[1], int(argv[2]))
    try:
        Client(sock).run()
    except KeyboardInterrupt:
        print()
    except OSError as error:
        print(f"The connection is lost: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    finally:
        sock.close()


main(sys.argv)

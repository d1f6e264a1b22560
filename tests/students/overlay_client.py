"""CSCI 353 PA1: the chat client, as a good student writes it: a thread hears, another reads lines.

--mistake NAME makes the one mistake of that name; without it the program is right.
"""

import argparse
import queue
import socket
import sys
import threading

# Registered again after so many seconds without an answer.
REGISTER_S = 1.0


class ChatClient:
    def __init__(self, options):
        self.mistake = options.mistake
        self.name = options.n
        self.server = (options.s, options.p)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("", 0))
        self.welcomed = threading.Event()
        self.ended = threading.Event()

    def send(self, text):
        if self.mistake == "new-port" and text.startswith("sendto"):
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            other.sendto(text.encode(), self.server)
            return
        self.udp.sendto(text.encode(), self.server)

    def keep_registering(self):
        while True:
            self.send(f"register {self.name}")
            if self.welcomed.wait(REGISTER_S) or self.ended.is_set():
                return

    def hear(self):
        while True:
            try:
                data = self.udp.recv(65536)
                text = data.decode() if self.mistake == "strict-decode" else data.decode(errors="replace")
            except OSError:
                # On some systems this tells that nobody listens at the server's port.
                continue
            self.show(text)

    def show(self, text):
        word, _, rest = text.rstrip("\r\n").partition(" ")
        if word.lower() == "welcome":
            if not self.welcomed.is_set() and self.mistake != "connected-early":
                print(f"connected to server and registered {self.name}", flush=True)
            self.welcomed.set()
        elif word == "recvfrom":
            sender, blank, message = rest.partition(" ")
            if self.mistake == "strict-decode" and not blank:
                raise ValueError(text)
            if self.mistake == "split-join":
                message = " ".join(message.split())
            shown = f"{sender}: {message}"
            print(text if self.mistake == "raw-recvfrom" else shown, flush=True)

    def read_lines(self, lines):
        for line in sys.stdin:
            lines.put(line.rstrip("\r\n"))
        while self.mistake == "stdin-loop":
            lines.put("")
        lines.put("exit")

    def run(self):
        if self.mistake == "connected-early":
            print(f"connected to server and registered {self.name}", flush=True)
        if self.mistake != "no-register":
            threading.Thread(target=self.keep_registering, daemon=True).start()
        if self.mistake != "hears-after-input":
            threading.Thread(target=self.hear, daemon=True).start()
        else:
            self.show(self.udp.recv(65536).decode(errors="replace"))
        lines = queue.Queue()
        threading.Thread(target=self.read_lines, args=(lines,), daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=0.1)
            except queue.Empty:
                continue
            if line == "exit":
                break
            self.typed(line)
            if self.mistake == "hears-after-input":
                self.udp.settimeout(0.2)
                try:
                    self.show(self.udp.recv(65536).decode(errors="replace"))
                except OSError:
                    pass
        self.ended.set()

    def typed(self, line):
        words = line.split(" ", 2)
        if self.mistake == "unpacks-line":
            words = line.split(" ", 2)
            command, name, message = words
        if words[0] != "sendto" or len(words) < 3:
            if line and self.mistake != "stdin-loop":
                print("type: sendto NAME MESSAGE, or exit", file=sys.stderr)
            if self.mistake == "stdin-loop":
                print("type: sendto NAME MESSAGE, or exit")
            return
        if self.mistake == "joins-words":
            line = " ".join(line.split())
        if self.mistake == "own-protocol":
            line = f"{self.name}:::{words[1]}:::{words[2]}"
        self.send(line)


def read_options():
    parser = argparse.ArgumentParser(description="chat client")
    parser.add_argument("-s", metavar="<serverAddress>")
    parser.add_argument("-p", type=int, metavar="<serverPort>")
    parser.add_argument("-n", metavar="<clientName>")
    parser.add_argument("--mistake", default="")
    options = parser.parse_args()
    if options.s is None or options.p is None or options.n is None:
        if options.mistake == "no-usage":
            sys.stdin.read()
        parser.print_usage()
        sys.exit(1)
    return options


def main():
    options = read_options()
    if options.mistake == "letters-only" and not options.n.isalnum():
        sys.exit("names are letters and digits")
    try:
        ChatClient(options).run()
    except KeyboardInterrupt:
        if options.mistake == "interrupt-traceback":
            raise
    if options.mistake == "hangs-at-exit":
        threading.Event().wait()
    print("bye" if options.mistake == "own-words" else "terminating client...", flush=True)


if __name__ == "__main__":
    main()

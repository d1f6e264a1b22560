"""CSCI 353 PA1: the chat server, as a good student writes it: a thread a client and a thread a link.

--mistake NAME makes the one mistake of that name; without it the program is right.
"""

import argparse
import queue
import socket
import sys
import threading
import time

# A server does not pass on for a second time, within so many seconds, what it has just passed on.
REPEAT_S = 2.0


class ChatServer:
    def __init__(self, options):
        self.mistake = options.mistake
        self.options = options
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # name -> (address, queue of what its thread sends)
        self.clients = {}
        self.links = []
        self.passed_on = {}
        # The datagrams, each link and each accepted connection have a thread of their own.
        self.lock = threading.RLock()

    def say(self, text):
        with self.lock:
            print(text, flush=self.mistake != "not-flushed")

    # ---- clients ----

    def run(self):
        self.udp.bind(("0.0.0.0", self.options.p))
        self.say(f"server started on 127.0.0.1 at port {self.options.p}")
        if self.options.o:
            self.listen_for_servers()
        if self.options.s and self.options.t:
            threading.Thread(target=self.connect_to_server, daemon=True).start()
        while True:
            if self.mistake == "try-outside":
                self.take(*self.udp.recvfrom(65536))
                continue
            try:
                self.take(*self.udp.recvfrom(65536))
            except (ValueError, OSError) as error:
                print(f"a datagram was left out: {error}", file=sys.stderr)

    def take(self, data, address):
        if self.mistake != "newline-in-name":
            data = data.rstrip(b"\r\n")
        text = data.decode()
        words = text.split(" ", 2)
        if words[0] == "register" and len(words) >= 2 and words[1]:
            self.register(words[1], address)
        elif words[0] == "sendto" and len(words) == 3:
            self.send_to(address, words[1], words[2])
        elif self.mistake == "try-outside":
            raise ValueError(f"not a message: {text!r}")

    def register(self, name, address):
        if self.mistake == "letters-only" and not name.isalnum():
            return
        with self.lock:
            outbox = queue.Queue()
            self.clients[name] = (address, outbox)
        threading.Thread(target=self.serve_client, args=(address, outbox), daemon=True).start()
        port = self.options.p if self.mistake == "own-port" else address[1]
        self.say(f"{name} registered from host {address[0]} port {port}")
        if self.mistake == "no-welcome":
            return
        word = "Welcome" if self.mistake == "capital-welcome" else "welcome"
        outbox.put(f"{word} {name}")

    def serve_client(self, address, outbox):
        while True:
            self.udp.sendto(outbox.get().encode(), address)

    def name_of(self, address):
        for name, (known, _) in self.clients.items():
            if known == address:
                return name
        if self.mistake == "last-sender" and self.clients:
            return list(self.clients)[-1]
        return None

    def send_to(self, address, recipient, message):
        sender = self.name_of(address)
        if sender is None:
            print(f"a message from {address}, which has not registered, was left out", file=sys.stderr)
            return
        if self.mistake == "split-join":
            message = " ".join(message.split())
        if self.mistake == "words-reversed":
            message = " ".join(reversed(message.split(" ")))
        self.say(f"{sender} to {recipient}: {message}")
        if self.deliver(sender, recipient, message):
            return
        self.not_here(sender, recipient, message, None)
        if self.mistake == "tells-sender":
            self.clients[sender][1].put(f"{recipient} is not registered with server")

    def deliver(self, sender, recipient, message):
        with self.lock:
            if recipient not in self.clients:
                return False
            text = f"recvfrom {sender} {message}"
            if self.mistake == "no-sender":
                text = f"recvfrom {message}"
            self.clients[recipient][1].put(text)
            return True

    # ---- the overlay ----

    def not_here(self, sender, recipient, message, came_from):
        line = f"{sender} to {recipient}: {message}"
        if self.mistake != "unknown-unsaid":
            self.say(f"{recipient} is not registered with server")
        if came_from and self.mistake == "no-transit":
            return
        with self.lock:
            links = [link for link in self.links if link is not came_from]
            if self.mistake == "one-link":
                links = links[-1:]
            if not links:
                return
            self.say(f"Sending message to overlay server: {line}")
            self.passed_on[line] = time.monotonic()
            end = "" if self.mistake == "no-line-end" else "\n"
            for link in links:
                try:
                    link.sendall(f"{line}{end}".encode())
                except OSError as error:
                    if self.mistake == "link-kills":
                        raise RuntimeError("a link is gone") from error
                    # The thread of that link finds out by itself that it has gone.
                    pass

    def listen_for_servers(self):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", self.options.o))
        listener.listen(10)
        self.say(f"server overlay started at port {self.options.o}")
        threading.Thread(target=self.accept_servers, args=(listener,), daemon=True).start()

    def accept_servers(self, listener):
        while True:
            link, address = listener.accept()
            self.say(f"server overlay connection from host {address[0]} port {address[1]}")
            if self.mistake == "one-way-link":
                with self.lock:
                    self.links.append(link)
                continue
            threading.Thread(
                target=self.serve_link,
                args=(link,),
                daemon=self.mistake != "threads-stay",
            ).start()

    def connect_to_server(self):
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            link.connect((self.options.s, self.options.t))
        except OSError as error:
            if self.mistake == "refused-traceback":
                raise
            print(f"no overlay server at {self.options.s} port {self.options.t}: {error}", file=sys.stderr)
            return
        self.say(f"connected to overlay server at {self.options.s} port {self.options.t}")
        self.serve_link(link)

    def serve_link(self, link):
        with self.lock:
            self.links.append(link)
        buffer = b""
        try:
            while True:
                data = link.recv(4096)
                if not data:
                    if self.mistake == "eof-loop":
                        continue
                    break
                if self.mistake == "one-recv":
                    self.take_line(data.decode(errors="replace").rstrip("\n"), link)
                    continue
                buffer += data
                while b"\n" in buffer:
                    line, buffer = buffer.split(b"\n", 1)
                    self.take_line(line.decode(errors="replace"), link)
        except OSError:
            if self.mistake == "reset-traceback":
                raise
        with self.lock:
            if self.mistake != "link-kills":
                self.links.remove(link)
        link.close()

    def take_line(self, line, link):
        names, colon, message = line.partition(": ")
        if self.mistake == "last-colon":
            names, colon, message = line.rpartition(": ")
        sender, to, recipient = names.partition(" to ")
        if not (colon and to):
            print(f"not a message: {line!r}", file=sys.stderr)
            return
        if time.monotonic() - self.passed_on.get(line, -REPEAT_S) < REPEAT_S:
            if self.mistake != "ring":
                return
        self.say(f"Received from overlay server: {line}")
        if not self.deliver(sender, recipient, message):
            self.not_here(sender, recipient, message, link)


def read_options():
    parser = argparse.ArgumentParser(description="chat server")
    parser.add_argument("-p", type=int, metavar="<portNumber>")
    parser.add_argument("-s", metavar="<overlayServerIP>")
    parser.add_argument("-t", type=int, metavar="<overlayServerPort>")
    parser.add_argument("-o", type=int, metavar="<overlayListeningPort>")
    parser.add_argument("--mistake", default="")
    options = parser.parse_args()
    if options.p is None:
        if options.mistake == "no-usage":
            options.p = 12345
            return options
        parser.print_usage()
        sys.exit(1)
    return options


def main():
    options = read_options()
    if options.mistake == "not-flushed":
        # What PYTHONUNBUFFERED would undo.
        sys.stdout.reconfigure(write_through=False)
        sys.stdout = open(1, "w", buffering=65536, closefd=False)
    try:
        ChatServer(options).run()
    except KeyboardInterrupt:
        if options.mistake == "interrupt-traceback":
            raise
        print("server terminated" if options.mistake == "own-words" else "terminating server...", flush=True)
    except OSError as error:
        if options.mistake == "taken-traceback":
            raise
        sys.exit(f"the server cannot be started: {error}")


if __name__ == "__main__":
    main()

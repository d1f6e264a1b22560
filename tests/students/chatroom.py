"""TCP & UDP chatroom (Assignment 02), as a good student writes it: threads, select and recv.

--mistake NAME on the command line of whatever imports it makes the one mistake of that name; without
it the classes are right.
"""

import contextlib
import os
import queue
import select
import socket
import sys
import threading
import time

MISTAKE = (sys.argv[sys.argv.index("--mistake") :] + ["", ""])[1] if "--mistake" in sys.argv else ""
RECV_SIZE = 4096
# How often a waiting loop looks at its event.
TICK = 0.1


def local_address():
    return socket.gethostbyname(socket.gethostname())


def readable(sock, seconds=TICK):
    return bool(select.select([sock], [], [], seconds)[0])


def decode(data):
    if MISTAKE == "strict-decode":
        return data.decode()
    return data.decode(errors="replace")


class Flag:
    """A student's own idea of an event."""

    def __init__(self):
        self.on = False

    def set(self):
        self.on = True

    def is_set(self):
        return self.on


def new_event():
    return Flag() if MISTAKE == "own-event" else threading.Event()


class ServerTCP:
    def __init__(self, server_port):
        if MISTAKE == "renamed":
            self.port = server_port
        else:
            self.server_port = server_port
        self.server_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.server_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.server_socket.bind((local_address(), server_port))
        self.server_socket.listen(50)
        self.clients = {}
        self.run_event = new_event()
        self.handle_event = new_event()
        # The thread of each client and the accepting loop share the dictionary.
        self.lock = contextlib.nullcontext() if MISTAKE == "no-lock" else threading.RLock()
        # accept_client() answers True or False; run() finds the newcomer's socket here.
        self.newcomers = queue.Queue()

    def accept_client(self):
        if not readable(self.server_socket):
            return False
        client_socket, _ = self.server_socket.accept()
        if MISTAKE == "name-under-lock":
            with self.lock:
                name = self.read_name(client_socket)
        else:
            name = self.read_name(client_socket)
        if not name and MISTAKE != "nameless":
            client_socket.close()
            return False
        with self.lock:
            if name in self.clients.values() and MISTAKE != "taken-welcome":
                client_socket.sendall(b"Name already taken")
                client_socket.close()
                return False
            client_socket.sendall(b"Hello" if MISTAKE == "no-welcome" else b"Welcome")
            if MISTAKE == "join-before-table":
                self.broadcast(client_socket, "join")
            self.clients[client_socket] = name
            if MISTAKE != "join-before-table":
                self.broadcast(client_socket, "join")
        self.newcomers.put(client_socket)
        return None if MISTAKE == "accept-none" else True

    def read_name(self, client_socket):
        # A connection that says nothing must not hold up the next one for ever.
        client_socket.settimeout(20 if MISTAKE == "name-under-lock" else 2)
        try:
            name = decode(client_socket.recv(RECV_SIZE)).strip()
        except OSError:
            name = ""
        client_socket.settimeout(None)
        return name

    def close_client(self, client_socket):
        with self.lock:
            if client_socket not in self.clients:
                return False
            if MISTAKE != "name-stays":
                del self.clients[client_socket]
        client_socket.close()
        return True

    def broadcast(self, client_socket_sent, message):
        with self.lock:
            name = self.clients.get(client_socket_sent, "Unknown")
            if message == "join":
                text = f"User {name} has joined the chat." if MISTAKE == "own-words" else f"User {name} joined"
            elif message == "exit":
                text = f"User {name} left"
            elif MISTAKE == "no-name":
                text = message
            else:
                text = f"{name}: {message}"
            if MISTAKE != "no-lock":
                self.send_to_others(self.clients.items(), client_socket_sent, text)
                return
        # The dictionary may change under this loop, which takes its time so that it does.
        for client_socket, _ in self.clients.items():
            if message in ("join", "exit") and len(self.clients) > 4:
                time.sleep(0.02)
            self.send_to_others([(client_socket, "")], client_socket_sent, text)

    def send_to_others(self, clients, client_socket_sent, text):
        for client_socket, _ in list(clients):
            if client_socket is client_socket_sent and MISTAKE != "echo":
                continue
            if MISTAKE == "send-raises":
                client_socket.sendall(text.encode())
                continue
            try:
                client_socket.sendall(text.encode())
            except OSError:
                # A dead client is that client's trouble; its own thread takes it out.
                pass

    def shutdown(self):
        with self.lock:
            for client_socket in list(self.clients):
                try:
                    if MISTAKE != "silent-shutdown":
                        client_socket.sendall(b"server-shutdown")
                except OSError:
                    pass
                client_socket.close()
            self.clients.clear()
        self.run_event.set()
        if MISTAKE != "one-event":
            self.handle_event.set()
        if MISTAKE == "shutdown-once" and self.server_socket.fileno() < 0:
            raise RuntimeError("shut down twice")
        self.server_socket.close()

    def get_clients_number(self):
        return len(self.clients)

    def handle_client(self, client_socket):
        try:
            while not self.handle_event.is_set():
                if MISTAKE != "threads-stay" and not readable(client_socket):
                    continue
                data = client_socket.recv(RECV_SIZE)
                if not data:
                    if MISTAKE == "eof-loop":
                        self.broadcast(client_socket, "")
                        continue
                    break
                text = decode(data).rstrip("\r\n")
                if self.is_exit(text):
                    break
                self.broadcast(client_socket, text)
        except (OSError, ValueError):
            # ValueError: another thread has closed the socket, so that it has no descriptor any more.
            if MISTAKE == "reset-kills":
                os._exit(1)
            if MISTAKE == "strict-decode":
                self.leave(client_socket, True)
                raise
        said_exit = "text" in locals() and self.is_exit(text)
        if MISTAKE == "send-raises" and not said_exit:
            # The others have a moment to say something to a client that is gone.
            time.sleep(1.5)
        self.leave(client_socket, said_exit)

    def is_exit(self, text):
        if MISTAKE == "exit-inside":
            return "exit" in text
        if MISTAKE == "exit-any-case":
            return text.lower() == "exit"
        return text == "exit"

    def leave(self, client_socket, said_exit):
        if self.handle_event.is_set():
            return
        if not said_exit and MISTAKE == "ghost":
            return
        with self.lock:
            if client_socket not in self.clients:
                return
            if said_exit or MISTAKE != "leaves-silently":
                self.broadcast(client_socket, "exit")
            if said_exit and MISTAKE == "left-twice":
                self.broadcast(client_socket, "exit")
            self.close_client(client_socket)

    def run(self):
        try:
            while not self.run_event.is_set():
                self.accept_client()
                self.serve_newcomers()
        except KeyboardInterrupt:
            if MISTAKE == "interrupt-traceback":
                raise
        self.shutdown()

    def serve_newcomers(self):
        if MISTAKE == "last-of-list":
            # Two newcomers are in the dictionary before the threads of either are started.
            time.sleep(0.03)
            while readable(self.server_socket, 0):
                self.accept_client()
        while not self.newcomers.empty():
            client_socket = self.newcomers.get()
            if MISTAKE == "last-of-list":
                client_socket = list(self.clients)[-1]
            threading.Thread(
                target=self.handle_client,
                args=(client_socket,),
                daemon=MISTAKE != "threads-stay",
            ).start()


class Client:
    """What the two clients have in common: the loop at the keyboard and the loop that shows."""

    def __init__(self, client_name, server_port, kind):
        self.server_addr = local_address()
        self.client_socket = socket.socket(socket.AF_INET, kind)
        self.server_port = server_port
        self.client_name = client_name
        self.exit_run = new_event()
        self.exit_receive = new_event()
        self.held = []
        self.typed = False

    def is_shutdown(self, text):
        if MISTAKE == "shutdown-inside":
            return "server-shutdown" in text
        return text.rstrip("\r\n") == "server-shutdown"

    def show(self, text):
        if MISTAKE == "shows-after-enter" and not self.typed:
            self.held.append(text)
            return
        sys.stdout.write(text.rstrip("\r\n") + "\n")
        sys.stdout.flush()

    def receive(self):
        while not self.exit_receive.is_set():
            try:
                if not readable(self.client_socket):
                    continue
                data = self.client_socket.recv(65536)
            except (OSError, ValueError):
                break
            if not data and self.client_socket.type == socket.SOCK_STREAM:
                if MISTAKE == "client-eof-loop":
                    self.show("")
                    continue
                self.show("The server has closed the connection.")
                self.stop()
                break
            text = decode(data)
            if self.is_shutdown(text):
                if MISTAKE == "shutdown-shown":
                    self.show(text)
                self.stop()
                break
            self.show(text)

    def show_held(self):
        self.typed = True
        while self.held:
            self.show(self.held.pop(0))
        self.typed = False

    def stop(self):
        if MISTAKE == "shutdown-ignored":
            return
        self.exit_run.set()
        if MISTAKE != "one-event":
            self.exit_receive.set()

    def read_lines(self, lines):
        for line in sys.stdin:
            lines.put(line.rstrip("\r\n"))
        if MISTAKE != "input-end":
            lines.put("exit")

    def run(self):
        try:
            if not self.connect_server() and MISTAKE != "taken-goes-on":
                print("could not join the chatroom", file=sys.stderr)
                return
            threading.Thread(target=self.receive, daemon=True).start()
            # input() cannot be interrupted, so a thread reads the lines and this loop looks for them.
            lines = queue.Queue()
            threading.Thread(target=self.read_lines, args=(lines,), daemon=True).start()
            while not self.exit_run.is_set():
                try:
                    text = lines.get(timeout=TICK)
                except queue.Empty:
                    continue
                if text == "exit":
                    break
                if text:
                    self.send(text)
                self.show_held()
        except KeyboardInterrupt:
            if MISTAKE == "interrupt-traceback":
                raise
        if MISTAKE != "no-exit":
            try:
                self.send("exit")
            except OSError:
                pass
        self.exit_receive.set()
        if MISTAKE == "client-hangs":
            threading.Event().wait()
        self.client_socket.close()


class ClientTCP(Client):
    def __init__(self, client_name, server_port):
        super().__init__(client_name, server_port, socket.SOCK_STREAM)

    def connect_server(self):
        if MISTAKE == "refused-traceback":
            self.client_socket.connect((self.server_addr, self.server_port))
        try:
            if MISTAKE != "refused-traceback":
                self.client_socket.connect((self.server_addr, self.server_port))
            name = self.client_name + (":" if MISTAKE == "name-with-colon" else "")
            self.client_socket.sendall(name.encode())
            answer = decode(self.client_socket.recv(RECV_SIZE))
        except OSError:
            return False
        if MISTAKE == "welcome-equal":
            return answer == "Welcome"
        return "Welcome" in answer or (None if MISTAKE == "connect-none" else False)

    def send(self, text):
        if MISTAKE == "client-adds-name" and text != "exit":
            text = f"{self.client_name}: {text}"
        self.client_socket.sendall(text.encode())


class ServerUDP:
    def __init__(self, server_port):
        self.server_port = server_port
        self.server_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if MISTAKE != "late-bind":
            self.server_socket.bind((local_address(), server_port))
        self.clients = {}
        self.messages = []

    def accept_client(self, client_addr, message):
        name = message.partition(":")[0]
        if MISTAKE == "join-first":
            name = message.partition(":")[2]
        if name in self.clients.values() and MISTAKE != "taken-welcome":
            self.server_socket.sendto(b"Name already taken", client_addr)
            return False
        welcome = b"Hello" if MISTAKE == "no-welcome" else b"Welcome"
        self.server_socket.sendto(welcome, client_addr)
        self.clients[client_addr] = name
        words = "has joined the chat." if MISTAKE == "own-words" else "joined"
        self.note(client_addr, f"User {name} {words}")
        self.broadcast()
        return None if MISTAKE == "accept-none" else True

    def note(self, client_addr, text):
        if MISTAKE == "messages-strings":
            self.sender = client_addr
            self.messages.append(text)
        else:
            self.messages.append((client_addr, text))

    def close_client(self, client_addr):
        if client_addr not in self.clients:
            return False
        name = self.clients[client_addr]
        if MISTAKE != "name-stays":
            del self.clients[client_addr]
        self.note(client_addr, f"User {name} left")
        self.broadcast()
        return True

    def broadcast(self):
        if not self.messages and MISTAKE != "empty-broadcast":
            return
        if MISTAKE == "messages-strings":
            sender, text = self.sender, self.messages[-1]
        else:
            sender, text = self.messages[-1]
        for client_addr in list(self.clients):
            if client_addr != sender or MISTAKE == "echo":
                self.server_socket.sendto(text.encode(), client_addr)

    def shutdown(self):
        if self.server_socket.fileno() < 0:
            if MISTAKE == "shutdown-once":
                raise RuntimeError("shut down twice")
            return
        for client_addr in list(self.clients):
            if MISTAKE != "silent-shutdown":
                self.server_socket.sendto(b"server-shutdown", client_addr)
        self.clients.clear()
        self.server_socket.close()

    def get_clients_number(self):
        return len(self.clients)

    def run(self):
        if MISTAKE == "late-bind":
            self.server_socket.bind((local_address(), self.server_port))
        try:
            while True:
                if not readable(self.server_socket):
                    continue
                data, client_addr = self.server_socket.recvfrom(65536)
                self.take(client_addr, decode(data).rstrip("\r\n"))
        except KeyboardInterrupt:
            if MISTAKE == "interrupt-traceback":
                raise
        self.shutdown()

    def take(self, client_addr, message):
        name, colon, text = message.partition(":")
        if MISTAKE == "join-first":
            name, text = (text, "join") if name == "join" else (name, "" if text == "join" else text)
        if not colon:
            if MISTAKE == "empty-datagram":
                name = message[0]
            return
        if self.is_command("join", text):
            self.accept_client(client_addr, message)
        elif self.is_command("exit", text):
            if MISTAKE == "stranger-key-error":
                name = self.clients[client_addr]
            self.close_client(client_addr)
        elif client_addr in self.clients or MISTAKE in ("stranger-heard", "stranger-key-error"):
            if MISTAKE == "stranger-key-error":
                name = self.clients[client_addr]
            if MISTAKE == "no-name":
                message = text
            if MISTAKE == "last-colon":
                message = f"{name}:{message.split(':')[-1]}"
            self.note(client_addr, message)
            self.broadcast()

    def is_command(self, command, text):
        if MISTAKE == "command-inside":
            return command in text
        return text == command


class ClientUDP(Client):
    def __init__(self, client_name, server_port):
        super().__init__(client_name, server_port, socket.SOCK_DGRAM)

    def connect_server(self):
        try:
            self.send("join")
            if not readable(self.client_socket, 5):
                return False
            answer = decode(self.client_socket.recv(RECV_SIZE))
        except OSError:
            return False
        return answer.strip() == "Welcome" or (None if MISTAKE == "connect-none" else False)

    def send(self, text):
        if MISTAKE == "bare-text" and text != "join":
            message = text
        elif MISTAKE == "join-first" and text == "join":
            message = f"join:{self.client_name}"
        else:
            message = f"{self.client_name}:{text}"
        if MISTAKE == "new-port":
            self.client_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client_socket.sendto(message.encode(), (self.server_addr, self.server_port))

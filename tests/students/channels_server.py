"""The server of the channels (CEG 4188 / CS168), as a careful student writes it: one select() loop.

python3 channels_server.py PORT [--mistake NAME]

Without --mistake it does what the document asks for. Each mistake is one that a real submission had.
"""

import select
import socket
import sys

MISTAKES = (
    "one-recv",  # one recv() is taken for one message
    "equals-200",  # the buffer is compared with == 200
    "rest-lost",  # what stands behind the first 200 bytes of a recv() is thrown away
    "one-buffer",  # all clients share one buffer
    "half-taken",  # half a message at the end of a connection is taken for a whole one
    "name-in-accept",  # the name is read before the next accept()
    "rst-kills",  # a reset of one client ends the server
    "empty-name",  # a client that closes before it has a name ends the server
    "unpadded",  # what the server sends is not padded
    "zero-padded",  # what the server sends is padded with NUL
    "unaligned",  # a text that is too long with its prefix is sent as 207 bytes
    "name-answered",  # the name is answered
    "create-answered",  # /create is answered
    "list-commas",  # the channels are listed with commas
    "list-cut",  # a list that is too long for a message is cut
    "newcomer-told",  # the client that joins hears its own notice
    "notice-text",  # the notice is worded otherwise
    "join-stays",  # /join leaves the client in its old channel
    "create-stays",  # /create leaves the client in its old channel
    "left-untold",  # the others do not hear of a client that leaves
    "twice-member",  # /join of the own channel makes the client a member twice
    "echo",  # the sender gets its own text
    "everywhere",  # a text goes to all channels
    "no-brackets",  # the name in front of a text has no brackets
    "error-texts",  # the errors are worded otherwise
    "unchecked",  # errors are not answered
    "error-leaves",  # a command that fails takes the client out of its channel
    "prefix",  # a command is tested with startswith
    "substring",  # a command counts anywhere in a text
    "newline-kept",  # only spaces are stripped from a message
    "ascii",  # a message that is not ASCII ends the server
)
MISTAKE = ""

LENGTH = 200
INVALID_CONTROL_MESSAGE = (
    "{0} is not a valid control message. Valid messages are /create, /list, and /join."
)
NO_CHANNEL_EXISTS = "No channel named {0} exists. Try '/create {0}'?"
JOIN_REQUIRES_ARGUMENT = "/join command must be followed by the name of a channel to join."
CLIENT_JOINED = "{0} has joined"
CLIENT_LEFT = "{0} has left"
CHANNEL_EXISTS = "Room {0} already exists, so cannot be created."
CREATE_REQUIRES_ARGUMENT = "/create command must be followed by the name of a channel to create"
NOT_IN_CHANNEL = "Not currently in any channel. Must join a channel before sending messages."


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.name = None
        self.channel = None

    def send(self, text):
        """Sends a text as one message of 200 bytes."""
        data = text.encode(errors="surrogateescape")
        if MISTAKE != "unaligned":
            data = data[:LENGTH]
        if MISTAKE == "zero-padded":
            data = data.ljust(LENGTH, b"\0")
        elif MISTAKE != "unpadded":
            data = data.ljust(LENGTH)
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # recv() will tell that the client has gone.

    def error(self, text):
        """Sends an error message. A command that fails changes nothing else."""
        if MISTAKE == "error-texts":
            text = "Error: " + text.lower()
        if MISTAKE != "unchecked":
            self.send(text)


class Server:
    def __init__(self, port):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("", port))
        self.listener.listen(50)
        self.clients = {}  # socket -> Client
        self.channels = {}  # name -> members, in the order of creation
        self.shared_buffer = b""  # only used by the mistake one-buffer

    # ---- channels ----

    def broadcast(self, channel, text, without):
        if channel is None:
            return
        members = self.channels[channel]
        if MISTAKE == "everywhere" and text.startswith("["):
            members = sum(self.channels.values(), [])
        for client in list(members):
            if client is not without:
                client.send(text)

    def leave(self, client):
        if client.channel is None:
            return
        self.channels[client.channel].remove(client)
        if MISTAKE != "left-untold":
            self.broadcast(client.channel, CLIENT_LEFT.format(client.name), client)
        client.channel = None

    def enter(self, client, channel):
        joined = CLIENT_JOINED.format(client.name)
        if MISTAKE == "notice-text":
            joined += " the channel"
        self.broadcast(channel, joined, client)
        self.channels[channel].append(client)
        client.channel = channel
        if MISTAKE == "newcomer-told":
            client.send(joined)

    def create(self, client, channel):
        if not channel:
            client.error(CREATE_REQUIRES_ARGUMENT)
        elif channel in self.channels:
            if MISTAKE == "error-leaves":
                self.leave(client)
            client.error(CHANNEL_EXISTS.format(channel))
        else:
            self.channels[channel] = []
            if MISTAKE != "create-stays":
                self.leave(client)
            self.enter(client, channel)
            if MISTAKE == "create-answered":
                client.send(f"Created {channel}")

    def join(self, client, channel):
        if not channel:
            client.error(JOIN_REQUIRES_ARGUMENT)
        elif channel not in self.channels:
            if MISTAKE == "error-leaves":
                self.leave(client)
            client.error(NO_CHANNEL_EXISTS.format(channel))
        else:
            again = client.channel == channel
            if MISTAKE != ("twice-member" if again else "join-stays"):
                self.leave(client)
            self.enter(client, channel)

    def list(self, client):
        """Sends the names of the channels, in as many messages as they need."""
        end = ", " if MISTAKE == "list-commas" else "\n"
        lines = ""
        for channel in self.channels:
            longer = lines + end + channel if lines else channel
            if len(longer.encode()) > LENGTH and MISTAKE != "list-cut":
                client.send(lines)
                longer = channel
            lines = longer
        if lines:
            client.send(lines)

    # ---- messages ----

    def command(self, client, text):
        word, _, argument = text.partition(" ")
        argument = argument.strip().split(" ")[0]
        if MISTAKE == "prefix":
            word = next((c for c in ("/list", "/join", "/create") if text.startswith(c)), word)
        if MISTAKE == "substring":
            word = next((c for c in ("/list", "/join", "/create") if c in text), word)
        if word == "/list":
            self.list(client)
        elif word == "/join":
            self.join(client, argument)
        elif word == "/create":
            self.create(client, argument)
        else:
            client.error(INVALID_CONTROL_MESSAGE.format(text))

    def message(self, client, text):
        """Handles one whole message of a client."""
        if client.name is None:
            client.name = text
            if MISTAKE == "name-answered":
                client.send(f"Welcome {text}")
        elif text.startswith("/") or (MISTAKE == "substring" and "/" in text):
            self.command(client, text)
        elif client.channel is None:
            client.error(NOT_IN_CHANNEL)
        else:
            prefix = f"{client.name}: " if MISTAKE == "no-brackets" else f"[{client.name}] "
            sender = None if MISTAKE == "echo" else client
            self.broadcast(client.channel, prefix + text, sender)

    def frame(self, client, data):
        if MISTAKE == "ascii":
            text = data.decode("ascii")
        else:
            text = data.decode(errors="surrogateescape")
        self.message(client, text.rstrip(" " if MISTAKE == "newline-kept" else None))

    def take(self, client, data):
        """Puts received bytes into the buffer of their client and cuts whole messages off."""
        if MISTAKE == "one-recv":
            self.frame(client, data)
            return
        if MISTAKE == "one-buffer":
            client.buffer = self.shared_buffer
        client.buffer += data
        if MISTAKE == "equals-200":
            if len(client.buffer) == LENGTH:
                self.frame(client, client.buffer)
                client.buffer = b""
            return
        while len(client.buffer) >= LENGTH:
            frame, client.buffer = client.buffer[:LENGTH], client.buffer[LENGTH:]
            if MISTAKE == "rest-lost":
                client.buffer = b""
            self.frame(client, frame)
        self.shared_buffer = client.buffer

    # ---- connections ----

    def accept(self):
        sock, _ = self.listener.accept()
        client = self.clients[sock] = Client(sock)
        if MISTAKE == "name-in-accept":
            data = b""
            while len(data) < LENGTH:
                piece = sock.recv(LENGTH - len(data))
                if not piece:
                    self.close(client)
                    return
                data += piece
            self.frame(client, data)

    def close(self, client):
        if MISTAKE == "half-taken" and client.buffer:
            self.frame(client, client.buffer)
        if MISTAKE == "empty-name" and client.name is None:
            raise ValueError("no name")
        del self.clients[client.sock]
        client.sock.close()
        self.leave(client)
        for members in self.channels.values():
            members[:] = [member for member in members if member is not client]

    def read(self, client):
        try:
            data = client.sock.recv(4096)
        except OSError:
            if MISTAKE == "rst-kills":
                raise
            data = b""
        if data:
            self.take(client, data)
        else:
            self.close(client)

    def run(self):
        while True:
            ready, _, _ = select.select([self.listener, *self.clients], [], [])
            for sock in ready:
                if sock is self.listener:
                    self.accept()
                elif sock in self.clients:
                    self.read(self.clients[sock])


def main(argv):
    global MISTAKE
    if "--mistake" in argv:
        at = argv.index("--mistake")
        MISTAKE = argv[at + 1]
        if MISTAKE not in MISTAKES:
            sys.exit(f"no such mistake: {MISTAKE}")
        del argv[at : at + 2]
    if len(argv) != 2 or not argv[1].isdigit():
        sys.exit("usage: python server.py <port>")
    try:
        Server(int(argv[1])).run()
    except OSError as error:
        if MISTAKE == "rst-kills":
            raise
        sys.exit(f"Cannot listen on port {argv[1]}: {error.strerror}")
    except KeyboardInterrupt:
        pass


main(sys.argv)

"""The server of the relay (CSC/CPE 138), as a careful student writes it: a thread for each client.

python3 relay_server.py PORT [--mistake NAME]

Without --mistake it does what the document asks for. Each mistake is one that a real submission had.
"""

import os
import socket
import sys
import threading
import time

MISTAKES = (
    "one-recv",  # one recv() is taken for one request
    "no-buffer",  # a piece of a request is taken for a whole one
    "counts-connections",  # the limit of ten counts connections, registered or not
    "eleven",  # an eleventh client may register
    "slot-kept",  # a registration that QUIT ended still counts
    "vanished-kept",  # a client that only closes stays registered
    "rst-kills",  # a reset of one client ends the broadcast of another
    "join-in-accept",  # the first request is read before the next accept()
    "dict-changed",  # a client leaves while a broadcast goes through the table
    "shared-name",  # the threads share one variable for the sender's name
    "joined-text",  # the notice is worded otherwise
    "split-join",  # the text is put together again from its words
    "substring",  # a command counts anywhere in a request
    "any-case",  # list is LIST
    "no-registration",  # everybody is served
    "broadcast-to-all",  # a broadcast reaches clients that never registered
    "join-again",  # a second JOIN changes the name
    "first-listed",  # LIST shows the client that asks only
    "no-sender",  # a forwarded text does not say where it comes from
    "recipient-unchecked",  # MESG to nobody gets no answer
    "unknown-ignored",  # an unknown request gets no answer
    "quit-open",  # QUIT leaves the connection open
    "left-untold",  # the others do not hear of a QUIT
    "blank-line",  # a blank line ends the thread of its sender
    "mesg-words",  # MESG without a text ends the thread of its sender
    "strict-decode",  # bytes that are not UTF-8 end the whole server
    "unflushed",  # what is printed stays in a buffer
    "no-usage",  # without a port there is a traceback
    "port-traceback",  # a port in use gives a traceback
    "never-ends",  # Control-C is swallowed
)
MISTAKE = ""

MAX_USERS = 10
INSTRUCTIONS = 'Use "JOIN <username>" to Register.'

lock = threading.RLock()
clients = {}  # username -> socket
connections = []  # every socket, registered or not
taken_slots = 0  # only counted for the mistake slot-kept
current_name = ""  # only used by the mistake shared-name


def say(*parts):
    """Prints one line at once, also where the output is a pipe."""
    print(*parts, flush=MISTAKE != "unflushed")


def send(conn, text):
    """Sends one line to one client. A client that has gone is that client's problem."""
    try:
        conn.sendall((text + "\n").encode(errors="surrogateescape"))
    except OSError:
        if MISTAKE == "rst-kills":
            raise


def broadcast(text, without):
    """Sends one line to all registered clients but one."""
    if MISTAKE == "dict-changed":
        for conn in clients.values():
            time.sleep(0.005)
            if conn is not without:
                send(conn, text)
        return
    with lock:
        targets = connections if MISTAKE == "broadcast-to-all" else clients.values()
        for conn in list(targets):
            if conn is not without:
                send(conn, text)


def status(conn, text):
    say(f"[{conn.fileno()}] {text}")


def is_full():
    if MISTAKE == "counts-connections":
        return len(connections) > MAX_USERS
    if MISTAKE == "slot-kept":
        return taken_slots >= MAX_USERS
    return len(clients) >= MAX_USERS + (1 if MISTAKE == "eleven" else 0)


def join(conn, name, username):
    """Registers a client. Returns its name and whether the connection goes on."""
    global taken_slots
    if name and MISTAKE != "join-again":
        status(conn, f"{name}: JOIN again")
        send(conn, f"Already registered as {name}")
        return name, True
    if not username:
        send(conn, f"Unregistered User. {INSTRUCTIONS}")
        return name, True
    with lock:
        if name:
            clients.pop(name, None)
        if username in clients:
            status(conn, f"{username} is taken")
            send(conn, f"Username {username} is already taken")
            return name, True
        if is_full():
            status(conn, f"{username} refused: Too Many Users")
            send(conn, "Too Many Users")
            return name, False
        clients[username] = conn
        taken_slots += 1
    say(f"{username} Joined the Chatroom")
    if MISTAKE == "joined-text":
        broadcast(f"{username} has joined the chat.", conn)
    else:
        broadcast(f"{username} joined!", conn)
    send(conn, f"{username} joined!Connected to server!")
    return username, True


def list_users(conn, name):
    if MISTAKE == "first-listed":
        send(conn, name)
        return
    with lock:
        names = list(clients)
    send(conn, ",".join(names))


def message(conn, name, rest):
    recipient, _, text = rest.partition(" ")
    if MISTAKE == "mesg-words":
        recipient, text = rest.split(" ", 1)
    if MISTAKE == "split-join":
        text = " ".join(text.split())
    with lock:
        target = clients.get(recipient)
    if target is not None:
        send(target, text if MISTAKE == "no-sender" else f"{name}: {text}")
    elif MISTAKE != "recipient-unchecked":
        send(conn, "Unknown Recipient")


def broadcast_text(conn, name, text):
    global current_name
    if MISTAKE == "split-join":
        text = " ".join(text.split())
    current_name = name
    if MISTAKE == "shared-name":
        time.sleep(0.01)
        name = current_name
    send(conn, f"{name} is sending a broadcast")
    broadcast(f"{name}: {text}", conn)


def command_of(request):
    """Cuts a request into its command and the rest, which keeps its blanks."""
    if MISTAKE == "blank-line":
        return request.split()[0], request.partition(" ")[2]
    if MISTAKE == "substring":
        for word in ("BCST", "LIST", "QUIT"):
            if word in request:
                return word, request.partition(word)[2].strip()
    command, _, rest = request.partition(" ")
    return (command.upper() if MISTAKE == "any-case" else command), rest


def handle_request(conn, name, request):
    """Answers one request. Returns the client's name and whether the connection goes on."""
    if not request.strip() and MISTAKE != "blank-line":
        return name, True
    command, rest = command_of(request)
    status(conn, f"{name or 'unregistered'}: {command}")
    if command == "JOIN":
        return join(conn, name, rest.strip())
    if command == "QUIT":
        if MISTAKE == "quit-open":
            leave(conn, name)
            return "", True
        if name:
            send(conn, f"{name} is quitting the chat server")
        return name, False
    if not name and MISTAKE != "no-registration":
        send(conn, f"Unregistered User. {INSTRUCTIONS}")
    elif command == "LIST":
        list_users(conn, name)
    elif command == "MESG":
        message(conn, name, rest)
    elif command == "BCST":
        broadcast_text(conn, name, rest)
    elif MISTAKE != "unknown-ignored":
        send(conn, "Unknown Message")
    return name, True


def leave(conn, name, vanished=False):
    """Takes a client out of the table and tells the others."""
    global taken_slots
    if not name or (vanished and MISTAKE == "vanished-kept"):
        return
    with lock:
        if clients.get(name) is conn:
            del clients[name]
        if vanished:
            taken_slots -= 1
    say(f"{name} left")
    if MISTAKE != "left-untold":
        broadcast(f"{name} left", conn)


def requests_of(conn):
    """Yields the requests of a client. TCP is a stream: they are cut at the newlines."""
    buffer = b""
    while True:
        data = conn.recv(4096)
        if not data:
            return
        if MISTAKE == "one-recv":
            yield data.rstrip(b"\r\n")
            continue
        buffer += data
        while b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            yield line.rstrip(b"\r")
        if MISTAKE == "no-buffer" and buffer:
            yield buffer
            buffer = b""


def text_of(line):
    if MISTAKE == "strict-decode":
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    return line.decode(errors="surrogateescape")


def handle_client(conn, requests):
    """One client, from its first request to its last."""
    name = ""
    vanished = True
    try:
        for line in requests:
            name, goes_on = handle_request(conn, name, text_of(line))
            if not goes_on:
                vanished = False
                break
    except OSError as error:
        say(f"[{conn.fileno()}] {error}")
        if MISTAKE == "rst-kills":
            time.sleep(0.5)
    finally:
        leave(conn, name, vanished)
        with lock:
            connections.remove(conn)
        conn.close()


def listen(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind(("", port))
    except OSError as error:
        if MISTAKE == "port-traceback":
            raise
        print(f"Cannot listen on port {port}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    server.listen(50)
    return server


def serve(server):
    while True:
        conn, address = server.accept()
        say(f"Connected with {address}")
        with lock:
            connections.append(conn)
        requests = requests_of(conn)
        if MISTAKE == "join-in-accept":
            first = next(requests, b"QUIT")
            requests = (line for part in ([first], requests) for line in part)
        threading.Thread(target=handle_client, args=(conn, requests), daemon=True).start()


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
    if MISTAKE == "no-usage":
        port = argv[1]
    elif len(argv) != 2 or not argv[1].isdigit():
        print("usage: python3 server.py <svr_port>")
        sys.exit(1)
    server = listen(int(argv[1]))
    say("The Chat Server Started")
    while True:
        try:
            serve(server)
        except KeyboardInterrupt:
            if MISTAKE != "never-ends":
                break
    say("The Chat Server Ended")


main(sys.argv)

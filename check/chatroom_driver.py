"""Runs the classes of anybody's chatroom.py for the check.

chatroom_driver.py chatroom.py run ServerTCP 12345          the document's server.py
chatroom_driver.py chatroom.py run ClientTCP Alice 12345    the document's client.py
chatroom_driver.py chatroom.py obey 40000                   connects to the check, obeys its calls
"""

import importlib.util
import itertools
import json
import os
import socket
import sys
import threading
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[1])))
spec = importlib.util.spec_from_file_location("chatroom", sys.argv[1])
chatroom = importlib.util.module_from_spec(spec)
sys.modules["chatroom"] = chatroom
spec.loader.exec_module(chatroom)

objects = {}
# Clients that a case has named: it may name them again after they have left.
named = {}


def shown(value):
    """What of a value can travel: sockets by the port of their peer, addresses as host and port."""
    if isinstance(value, socket.socket):
        return {"socket": value.getpeername()[1] if value.fileno() >= 0 else None}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], int):
        return {"address": list(value)}
    if isinstance(value, tuple):
        return {"tuple": [shown(each) for each in value]}
    if isinstance(value, list):
        return {"list": [shown(each) for each in value]}
    if isinstance(value, dict):
        return {"dict": [[shown(key), shown(value[key])] for key in list(value)]}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, threading.Event):
        return {"type": "Event"}
    return {"type": type(value).__name__}


def meant(argument, target):
    """A client's socket or address for its name, an address for host and port."""
    if isinstance(argument, dict) and "client" in argument:
        for key, name in target.clients.items():
            named[id(target), name] = key
        return named[id(target), argument["client"]]
    if isinstance(argument, dict) and "address" in argument:
        return tuple(argument["address"])
    return argument


def obey(call):
    what, args = call["do"], call.get("args", [])
    if what == "new":
        objects[call["on"]] = getattr(chatroom, call["name"])(*args)
        return None
    if what == "methods":
        return [each for each in args if not callable(getattr(getattr(chatroom, call["name"], None), each, None))]
    target = objects[call["on"]]
    if what == "variables":
        return [each for each in args if not hasattr(target, each)]
    if what == "get":
        return shown(getattr(target, call["name"]))
    if what == "set?":
        return getattr(target, call["name"]).is_set()
    return shown(getattr(target, call["name"])(*[meant(each, target) for each in args]))


def answer(link, lock, call):
    reply = {"id": call["id"]}
    try:
        reply["result"] = obey(call)
    except BaseException:
        reply["error"] = traceback.format_exc(limit=-3)
    with lock:
        link.sendall((json.dumps(reply) + "\n").encode())


def main(what, *args):
    if what == "run":
        kind, *values = args
        getattr(chatroom, kind)(*values[:-1], int(values[-1])).run()
        return
    link, lock = socket.create_connection(("127.0.0.1", int(args[0]))), threading.Lock()
    for line in link.makefile():
        # A call may wait for what a later call brings about.
        threading.Thread(target=answer, args=(link, lock, json.loads(line)), daemon=True).start()
    os._exit(0)


# What begins with -- is for the program's own use.
main(*itertools.takewhile(lambda word: not word.startswith("--"), sys.argv[2:]))

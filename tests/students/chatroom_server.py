# to run in terminal: python chatroom_server.py
# The document's server.py; the protocol and the port are options, for a test that starts many.

import argparse

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int, nargs="?", default=12345)
parser.add_argument("--udp", action="store_true")
# chatroom.py looks for this one itself.
parser.add_argument("--mistake")
args = parser.parse_args()

from chatroom import ServerTCP, ServerUDP

server = (ServerUDP if args.udp else ServerTCP)(args.port)
server.run()

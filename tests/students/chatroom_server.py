# to run in terminal: python chatroom_server.py
# The document's server.py; the protocol and the port are options, for a test that starts many.

import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("port", type=int, nargs="?", default=12345)
parser.add_argument("--udp", action="store_true")
parser.add_argument("--mistake", default=os.environ.get("MISTAKE", ""))
args = parser.parse_args()
os.environ["MISTAKE"] = args.mistake

from chatroom import ServerTCP, ServerUDP

server = (ServerUDP if args.udp else ServerTCP)(args.port)
server.run()

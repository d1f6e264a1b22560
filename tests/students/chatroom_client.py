# to run in terminal: python chatroom_client.py --name
# The document's client.py; the protocol and the port are options, for a test that starts many.

import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--name", "-n", type=str, help="Client name")
parser.add_argument("port", type=int, nargs="?", default=12345)
parser.add_argument("--udp", action="store_true")
# chatroom.py looks for this one itself.
parser.add_argument("--mistake")
args = parser.parse_args()

from chatroom import ClientTCP, ClientUDP

client = (ClientUDP if args.udp else ClientTCP)(args.name, args.port)
client.run()

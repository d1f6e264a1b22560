# to run in terminal: python chatroom_client.py --name
# The document's client.py; the protocol and the port are options, for a test that starts many.

import argparse
import os

parser = argparse.ArgumentParser()
parser.add_argument("--name", "-n", type=str, help="Client name")
parser.add_argument("port", type=int, nargs="?", default=12345)
parser.add_argument("--udp", action="store_true")
parser.add_argument("--mistake", default=os.environ.get("MISTAKE", ""))
args = parser.parse_args()
os.environ["MISTAKE"] = args.mistake

from chatroom import ClientTCP, ClientUDP

client = (ClientUDP if args.udp else ClientTCP)(args.name, args.port)
client.run()

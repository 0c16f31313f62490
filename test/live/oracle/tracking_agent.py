"""Sends frames through the gateway of a lab and says what became of them and of their connection.

Arguments as for agent.py. Reads one JSON list a line, of steps that are {"pause": SECONDS} or
{"side", "frame": HEX, "tuple": [FAMILY, PROTOCOL, SOURCE, DESTINATION, A, B]}, where A and B are
ports, or for ICMP the id and type << 8 | code. Answers with one list: for each frame the time at
which it was sent, what arrived on each side, and the kernel's entry with that tuple or null.
"""

import json
import socket
import struct
import sys
import time

from ctnetlink import (
    CT_GET, NETLINK_NETFILTER, NLMSG_ERROR, REQUEST, attributes, number, read_tuple, tuple_attribute)
from taps import exchange, open_taps


def read_entry(data):
    parts = attributes(data)
    entry = {
        'orig': read_tuple(parts[1]),
        'reply': read_tuple(parts[2]),
        'status': number(parts[3]),
        'timeout': number(parts[7]),
        'mark': number(parts.get(8, b'')),
    }
    for name, kind in (('origCount', 9), ('replyCount', 10)):
        if kind in parts:
            counters = attributes(parts[kind])
            entry[name] = [number(counters[1]), number(counters[2])]
    for kind, info in attributes(parts.get(4, b'')).items():
        state = attributes(info)
        entry['protocol'] = [kind] + [state[key].hex() for key in sorted(state)]
    return entry


class Tables:
    """The kernel's connection table, asked over netlink."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.serial = 0

    def entry(self, wanted):
        self.serial += 1
        family = socket.AF_INET if wanted[0] == 4 else socket.AF_INET6
        body = struct.pack('=BBH', family, 0, 0) + tuple_attribute(*wanted)
        header = struct.pack('=IHHII', 16 + len(body), CT_GET, REQUEST, self.serial, 0)
        self.socket.send(header + body)
        answer = self.socket.recv(65536)
        length, kind = struct.unpack_from('=IH', answer)
        return None if kind == NLMSG_ERROR else read_entry(answer[20:length])


def main(*places):
    taps = open_taps(*places)
    tables = Tables()
    print('ready', flush=True)
    for line in sys.stdin:
        answers = []
        for step in json.loads(line):
            if 'pause' in step:
                time.sleep(step['pause'])
                continue
            sent = time.time()
            arrived = exchange(taps, step['side'], bytes.fromhex(step['frame']))
            entry = tables.entry(step['tuple'])
            answers.append([sent, arrived['lan'], arrived['wan'], entry])
        print(json.dumps(answers), flush=True)


main(*sys.argv[1:])

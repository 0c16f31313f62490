"""Sends frames through the gateway of a lab and says what became of them and of expectations.

Arguments as for agent.py. Reads one JSON list a line, of steps that are "forget", which ends all
connections with their expectations, or {"side", "frame": HEX, "masters": [TUPLE...]}, where a tuple
is [FAMILY, PROTOCOL, SOURCE, DESTINATION, SPORT, DPORT] in the original direction. Answers with one
list: for each frame the time at which it was sent, what arrived on each side, and for each master
its expectations.
"""

import errno
import json
import socket
import struct
import sys
import time

from ctnetlink import (
    NETLINK_NETFILTER, NLMSG_ERROR, REQUEST, attributes, number, read_tuple, tuple_attribute)
from taps import exchange, open_taps

ACKNOWLEDGED, DUMP = 4, 0x300
CT_DELETE = (1 << 8) | 2
EXPECTATION_GET = (2 << 8) | 1
NLMSG_DONE = 3


def text(data):
    return data.rstrip(b'\0').decode('ascii')


def read_expectation(data):
    parts = attributes(data)
    expectation = {
        'tuple': read_tuple(parts[2]),
        'timeout': number(parts[4]),
        'helper': text(parts.get(6, b'')),
        'flags': number(parts.get(8, b'')),
        'class': number(parts.get(9, b'')),
        'nat': None,
    }
    if 10 in parts:
        nat = attributes(parts[10])
        direction, saved = number(nat[1]), read_tuple(nat[2])
        expectation['nat'] = [direction, saved[3]]
    return expectation


class Tables:
    """The kernel's tables, asked over netlink."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)

    def request(self, kind, flags, body):
        """The messages of the answer, without their headers; none where nothing was found."""
        length = 16 + len(body)
        self.socket.send(struct.pack('=IHHII', length, kind, REQUEST | ACKNOWLEDGED | flags, 1, 0) + body)
        answers = []
        while True:
            data, at = self.socket.recv(65536), 0
            while at < len(data):
                length, kind = struct.unpack_from('=IH', data, at)
                body = data[at + 16:at + length]
                at += (length + 3) & ~3
                if kind == NLMSG_DONE:
                    return answers
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from('=i', body)[0]
                    if code not in (0, errno.ENOENT):
                        raise OSError(code, 'ctnetlink')
                    return answers
                answers.append(body)

    def expectations(self, master):
        family = socket.AF_INET if master[0] == 4 else socket.AF_INET6
        body = struct.pack('=BBH', family, 0, 0) + tuple_attribute(*master)
        return [read_expectation(entry[4:]) for entry in self.request(EXPECTATION_GET, DUMP, body)]

    def forget(self):
        self.request(CT_DELETE, 0, struct.pack('=BBH', socket.AF_UNSPEC, 0, 0))


def main(*places):
    taps = open_taps(*places)
    tables = Tables()
    print('ready', flush=True)
    for line in sys.stdin:
        answers = []
        for step in json.loads(line):
            if step == 'forget':
                tables.forget()
                continue
            sent = time.time()
            arrived = exchange(taps, step['side'], bytes.fromhex(step['frame']))
            expected = [tables.expectations(master) for master in step['masters']]
            answers.append([sent, arrived['lan'], arrived['wan'], expected])
        print(json.dumps(answers), flush=True)


main(*sys.argv[1:])

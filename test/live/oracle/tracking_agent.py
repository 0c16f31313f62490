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

from taps import exchange, open_taps

NETLINK_NETFILTER = 12
CT_GET = (1 << 8) | 1
REQUEST = 1
NLMSG_ERROR = 2
ICMP, ICMPV6 = 1, 58
NESTED = 0x8000


def attribute(kind, value):
    padding = bytes(-len(value) % 4)
    return struct.pack('=HH', 4 + len(value), kind) + value + padding


def tuple_attribute(family, protocol, source, destination, a, b):
    inet = socket.AF_INET if family == 4 else socket.AF_INET6
    first = 1 if family == 4 else 3
    ends = attribute(first, socket.inet_pton(inet, source))
    ends += attribute(first + 1, socket.inet_pton(inet, destination))
    layer4 = attribute(1, bytes([protocol]))
    if protocol in (ICMP, ICMPV6):
        at = 4 if protocol == ICMP else 7
        layer4 += attribute(at, struct.pack('!H', a))
        layer4 += attribute(at + 1, bytes([b >> 8])) + attribute(at + 2, bytes([b & 255]))
    else:
        layer4 += attribute(2, struct.pack('!H', a)) + attribute(3, struct.pack('!H', b))
    return attribute(NESTED | 1, attribute(NESTED | 1, ends) + attribute(NESTED | 2, layer4))


def attributes(data):
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from('=HH', data, at)
        found[kind & 0x3fff] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def number(data):
    return int.from_bytes(data, 'big')


def read_tuple(data):
    parts = attributes(data)
    ends, layer4 = attributes(parts[1]), attributes(parts[2])
    addresses = [ends[kind] for kind in sorted(ends)]
    inet = socket.AF_INET if len(addresses[0]) == 4 else socket.AF_INET6
    words = [number(layer4[kind]) for kind in sorted(layer4)]
    return [socket.inet_ntop(inet, address) for address in addresses] + words


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

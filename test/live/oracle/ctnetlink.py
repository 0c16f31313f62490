"""The messages of ctnetlink: attributes, and the tuples of connections in them."""

import socket
import struct

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

"""What a UDP sender is told about its way: sends datagrams and reports the ICMP errors they meet.

Arguments: address, port, and for each datagram BYTES:TTL, where BYTES is the whole IP datagram, sent
without leave to fragment. A line of JSON for each: {"type", "code", "info", "from"} of the error that
came back ("info" is the MTU where the datagram was too big), or null where none did.
"""

import json
import select
import socket
import struct
import sys

SECONDS_TO_WAIT = 5
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, IP_RECVERR = 10, 3, 11
IPV6_MTU_DISCOVER, IPV6_RECVERR = 23, 25
HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}


def open_socket(family):
    sender = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET:
        sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        sender.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        sender.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        sender.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    return sender


def set_ttl(sender, ttl):
    if sender.family == socket.AF_INET:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
    else:
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)


def next_error(sender):
    """The next entry of the socket's error queue: struct sock_extended_err and who sent it."""
    poll = select.poll()
    poll.register(sender, select.POLLERR)
    if not poll.poll(SECONDS_TO_WAIT * 1000):
        return None
    _, ancillary, _, _ = sender.recvmsg(1500, 512, socket.MSG_ERRQUEUE)
    data = ancillary[0][2]
    _, _, kind, code, _, info, _ = struct.unpack_from('=IBBBBII', data)
    offender = data[20:24] if sender.family == socket.AF_INET else data[24:40]
    return {
        'type': kind,
        'code': code,
        'info': info,
        'from': socket.inet_ntop(sender.family, offender),
    }


def main(address, port, *probes):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    sender = open_socket(family)
    for probe in probes:
        size, ttl = (int(text) for text in probe.split(':'))
        set_ttl(sender, ttl)
        sender.sendto(bytes(size - HEADERS[family]), (address, int(port)))
        print(json.dumps(next_error(sender)), flush=True)


main(*sys.argv[1:])

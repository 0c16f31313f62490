"""Packet sockets at both ends of a gateway, and how to know when a frame has been dealt with.

Behind each frame goes a question to the gateway by ARP, behind IPv6 frames too. Everything runs on
one CPU and every queue in between is first in, first out, so when the ARP answer is there, the frame
has been dealt with. No rule ever sees that question, as it would see a neighbour solicitation.
"""

import ctypes
import os
import select
import socket

CLONE_NEWNET = 0x40000000
ETH_P_ALL, ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 3, b'\x08\x00', b'\x08\x06', b'\x86\xdd'
PACKET_OUTGOING = 4
SECONDS_TO_WAIT = 5


def enter(libc, namespace):
    with open(f'/var/run/netns/{namespace}', encoding='ascii') as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f'cannot enter {namespace}')


def is_link_business(frame):
    """IPv6 that the gateway says of itself to all: listener reports, solicitations."""
    return frame[38] == 0xff


class Tap:
    """A packet socket on eth0 of a namespace."""

    def __init__(self, libc, namespace, asker, gateway):
        enter(libc, namespace)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.bind(('eth0', 0))
        self.socket.setblocking(False)
        mac = self.socket.getsockname()[4]
        sender = mac + socket.inet_aton(asker)
        target = bytes(6) + socket.inet_aton(gateway)
        request = bytes.fromhex('0001080006040001') + sender + target
        self.question = b'\xff' * 6 + mac + ETH_P_ARP + request

    def receive(self, arrived):
        """Takes what is there; true where the ARP answer was among it."""
        answered = False
        while True:
            try:
                frame, address = self.socket.recvfrom(65535)
            except BlockingIOError:
                return answered
            if address[2] == PACKET_OUTGOING:
                continue
            protocol = frame[12:14]
            if protocol == ETH_P_IP or (protocol == ETH_P_IPV6 and not is_link_business(frame)):
                arrived.append(frame.hex())
            elif protocol == ETH_P_ARP and frame[20:22] == b'\x00\x02':
                answered = True


def exchange(taps, side, frame):
    arrived = {name: [] for name in taps}
    tap = taps[side]
    tap.socket.send(frame)
    tap.socket.send(tap.question)
    answered = False
    while not answered:
        ready, _, _ = select.select([tap.socket], [], [], SECONDS_TO_WAIT)
        if not ready:
            raise TimeoutError('the gateway does not answer ARP')
        answered = tap.receive(arrived[side])
    for name, other in taps.items():
        other.receive(arrived[name])
    return arrived


def collect(taps):
    """What has arrived, without waiting: of a gateway that takes its time over frames."""
    arrived = {name: [] for name in taps}
    for name, tap in taps.items():
        tap.receive(arrived[name])
    return arrived


def open_taps(client, server, gateway, *addresses):
    """Taps of both ends; the process is in the gateway's namespace and on one CPU afterwards."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    libc = ctypes.CDLL(None, use_errno=True)
    taps = {'lan': Tap(libc, client, *addresses[:2]), 'wan': Tap(libc, server, *addresses[2:])}
    enter(libc, gateway)
    return taps
